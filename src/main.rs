//! The `allclear` binary: parse, run, exit code.

fn main() {}
