//! Tests of the parsers, of made-up hosts, and of real processes.

mod bench;
mod cgroups;
mod live;
mod parsers;
mod spaces;
mod support;
mod trees;
