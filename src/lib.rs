//! allclear: from a TLS disclosure to all clear.
//!
//! `main -> cli -> pipeline -> { inventory, disclosure, probe, host, store, assess, remediate, report, drill, tracker,
//! live } -> { model, wire }`. A stage sees `model` (and `wire`, where it speaks bytes) and its own children,
//! never another stage; see ARCHITECTURE.md. A test holds these arrows.

#![cfg_attr(
    test,
    allow(
        clippy::format_collect,
        clippy::format_push_string,
        clippy::large_stack_arrays,
        clippy::naive_bytecount,
        clippy::similar_names,
        clippy::type_complexity,
        reason = "tests: short and plain beats fast"
    )
)]

pub mod assess;
pub mod bundle;
pub mod classify;
pub mod cli;
pub mod clock;
pub mod config;
pub mod disclosure;
pub mod drill;
pub mod error;
pub mod host;
pub mod http;
pub mod inventory;
pub mod live;
pub mod model;
pub mod pipeline;
pub mod probe;
pub mod remediate;
pub mod report;
pub mod revocation;
pub mod store;
pub mod tracker;
pub mod wire;
