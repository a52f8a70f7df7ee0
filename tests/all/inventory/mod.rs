//! Inventories that people have already, made by the tools that make them where they exist.

mod ansible;
mod classify;
mod cloud;
mod diff;
mod dns;
mod live;
mod names;
mod native;
mod scans;
