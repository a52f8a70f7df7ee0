//! A host document of `allclear host collect`: its listeners.

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{Error, intake::Intake},
    model::discovery::Role,
};

pub(super) const FORMAT: Format = Format { name: "host", letter: b'D', role: Role::Discovers, detect, read };

fn detect(_peek: &Peek<'_>) -> bool {
    false
}

fn read(file: &TextFile<'_>, _intake: &mut Intake<'_>) -> Result<(), Error> {
    Err(file.refused(1, 1, "not built yet".to_owned()))
}
