//! What a plan promises, on assessments made by hand.

pub(super) mod build;

mod plans;
mod tables;
