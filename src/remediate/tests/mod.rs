//! What a plan promises, on assessments made by hand.

pub(super) mod build;

mod hints;
mod hosts;
mod keys;
mod plans;
mod props;
mod tables;
mod user_types;
mod waves;

use super::Types;
use crate::model::{
    assessment::Assessment, checklist::Line, secret::Secret, service::Service, sweep::Evidence,
};

/// The plan by the tables that come with the tool.
fn checklist(evidence: &Evidence, assessment: &Assessment) -> Vec<Line> {
    super::checklist(evidence, assessment, Types::embedded())
}

fn implied_secrets(services: &[Service], declared: &[Secret]) -> Vec<Secret> {
    super::implied_secrets(services, declared, Types::embedded())
}
