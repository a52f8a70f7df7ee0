//! What a plan promises, on assessments made by hand.

pub(super) mod build;

mod hosts;
mod keys;
mod plans;
mod props;
mod tables;
mod waves;
