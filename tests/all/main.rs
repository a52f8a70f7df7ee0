//! The integration tests: the binary is run as a user would, against real peers on loopback.
//!
//! One binary, so that it links once. Every test makes its own folder and its own servers, ends what
//! it started, and touches nothing outside 127.0.0.0/8. A peer that is not installed is announced as
//! skipped, and is a failure where `ALLCLEAR_REQUIRE_PEERS=1` or `CI=true`.
#![allow(
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::naive_bytecount,
    clippy::missing_panics_doc,
    clippy::similar_names,
    clippy::type_complexity,
    unreachable_pub,
    reason = "tests: a failed expectation is a failed test, and nothing here is anybody's library"
)]

mod assess;
mod checklist;
mod chromium;
mod cli;
mod daemons;
mod daemons_more;
mod dtls;
mod evidence;
mod expect;
mod exports;
mod full_depth;
mod full_depth_peers;
mod hostile;
mod hosts;
mod hosts_ssh;
mod inventory;
mod plan;
mod protocols;
mod real_peers;
mod report;
mod resume;
mod revocation;
mod revoked;
mod scanners;
mod secret_checks;
mod secrets;
mod serve;
mod starttls;
mod support;
mod tracker;
mod turn;
mod two_sweeps;
mod watch;
mod wire_read;
