//! The shell collector: what runs on a host where the program itself cannot.
//!
//! It lists packages, and processes with the TLS libraries that they have mapped, in the form of a document
//! of `allclear.host/1`. It does not search the disk; its header says so.

#[cfg(test)]
mod tests;

/// The text of the collector, a POSIX shell script. `--max-seconds N` bounds it; other arguments are ignored.
pub const fn text() -> &'static str {
    include_str!("collect.sh")
}
