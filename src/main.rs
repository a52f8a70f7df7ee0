//! The `allclear` binary: parse, run, exit code.

fn main() -> std::process::ExitCode {
    allclear::cli::main()
}
