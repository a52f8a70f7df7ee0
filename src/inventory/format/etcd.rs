//! etcd v3 keys and values, as `etcdctl get --prefix -w json` prints them.

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{Error, intake::Intake},
    model::discovery::Role,
};

pub(super) const FORMAT: Format = Format { name: "etcd", letter: b'E', role: Role::Declares, detect, read };

fn detect(_peek: &Peek<'_>) -> bool {
    false
}

fn read(file: &TextFile<'_>, _intake: &mut Intake<'_>) -> Result<(), Error> {
    Err(file.refused(1, 1, "not built yet".to_owned()))
}
