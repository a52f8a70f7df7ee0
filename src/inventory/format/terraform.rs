//! What `terraform show -json` prints, or a state file.

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{Error, intake::Intake},
    model::discovery::Role,
};

pub(super) const FORMAT: Format =
    Format { name: "terraform", letter: b'T', role: Role::Declares, detect, read };

fn detect(_peek: &Peek<'_>) -> bool {
    false
}

fn read(file: &TextFile<'_>, _intake: &mut Intake<'_>) -> Result<(), Error> {
    Err(file.refused(1, 1, "not built yet".to_owned()))
}
