//! A hosts file: an address and names on each line. The first name is the machine's own, the others lead there too.
//!
//! What leads to no server (localhost, the `0.0.0.0` of lists against advertisements) is counted and left out.

use std::net::IpAddr;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        host::{hosts_line, parse_addresses, quoted},
        intake::Intake,
        left_out::LeftOut,
        machine::{Machine, is_own_name, leads_somewhere},
        records::FIELD_LIMIT,
    },
    model::discovery::Role,
};

pub(super) const FORMAT: Format = Format { name: "hosts", letter: b'H', role: Role::Names, detect, read };

/// How many lines are looked at.
const LOOKED_AT: usize = 32;

const OWN_NAME: &str = "localhost and names like it are this machine, wherever the file is read";
const SINK: &str = "0.0.0.0, multicast and broadcast addresses lead to no server";

fn detect(peek: &Peek<'_>) -> bool {
    let shows = |line: &[u8]| {
        let text = String::from_utf8_lossy(line);
        let Some((address, mut names)) = hosts_line(&text) else { return false };
        let address = address.split('%').next().unwrap_or_default();
        address.parse::<IpAddr>().is_ok()
            && names.next().is_some_and(|name| !name.contains([',', '=', ';', '|']))
    };
    let (mut all, mut good) = (0_usize, 0_usize);
    for line in peek.lines().take(LOOKED_AT) {
        all += 1;
        good += usize::from(shows(line));
    }
    good > 0 && good * 2 > all
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut left = LeftOut::default();
    let mut entries = 0;
    for (number, line) in (1_u32..).zip(file.text.split(|&b| b == b'\n')) {
        if line.len() > FIELD_LIMIT && !line.trim_ascii_start().starts_with(b"#") {
            intake.count_row();
            let message = format!("a line of {} bytes; at most {FIELD_LIMIT} are read", line.len());
            intake.bad(&file.name, number, 1, message);
            continue;
        }
        let text = String::from_utf8_lossy(line);
        let Some((address, names)) = hosts_line(&text) else { continue };
        let column = |word: &str| {
            // Both are slices of one text: the distance is the place.
            let at = (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1)
        };
        let bad = |intake: &mut Intake<'_>, word: &str, message: String| {
            intake.count_row();
            intake.bad(&file.name, number, column(word), message);
        };
        entries += 1;
        let place = match one_address(address) {
            Ok(place) => place,
            Err(message) => {
                bad(intake, address, message);
                continue;
            }
        };
        let source = || file.source(&FORMAT, number, None);
        let mut entry = Entry { place, machine: Machine::default(), own: false };
        let mut any = false;
        for name in names {
            any = true;
            match entry.name(name) {
                Ok(None) => {}
                Ok(Some(reason)) => left.add(reason, || quoted(name), source),
                Err(message) => bad(intake, name, message),
            }
        }
        if !any {
            bad(intake, address, format!("{} has no name behind it", quoted(address)));
            continue;
        }
        let drafts = entry.machine.drafts();
        debug_assert!(entry.own || !drafts.is_empty());
        entries += (drafts.len() as u64).saturating_sub(1);
        for mut draft in drafts {
            draft.addresses = Some(crate::inventory::host::Addresses::One(place));
            intake.count_row();
            if let Err(refusal) = intake.take(draft.row(source())) {
                refusal.settle(intake, &file.name, |_| (number, column(address)))?;
            }
        }
    }
    left.tell(entries, "entries", intake);
    Ok(())
}

/// One line: an address and the names that are taken for it.
struct Entry {
    place: IpAddr,
    machine: Machine,
    /// A name was left out, or was bad.
    own: bool,
}

impl Entry {
    /// Takes a name, or says why it is left out. The error says what is wrong with it.
    fn name(&mut self, name: &str) -> Result<Option<&'static str>, String> {
        let left = if is_own_name(name) {
            Some(OWN_NAME)
        } else if !leads_somewhere(self.place) {
            Some(SINK)
        } else {
            None
        };
        let added = match left {
            Some(_) => Ok(()),
            None if name.parse::<IpAddr>().is_ok() => {
                Err(format!("{} is an address; expected names behind the first one", quoted(name)))
            }
            None => self.machine.add(name),
        };
        self.own |= left.is_some() || added.is_err();
        added.map(|()| left)
    }
}

/// The address at the beginning of a line.
fn one_address(text: &str) -> Result<IpAddr, String> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()),
        Err(_) => match parse_addresses(text) {
            Err(message) => Err(message),
            Ok(_) => {
                Err(format!("{} is not one bare address; a hosts file has one on each line", quoted(text)))
            }
        },
    }
}

#[cfg(test)]
mod tests;
