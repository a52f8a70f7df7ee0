//! Tests of the files that come with the program; of reading and of merging, in the files beside.

mod faults;
mod merge;
mod written;

use std::{collections::BTreeSet, fs};

use super::*;
use crate::model::disclosure::{Affected, Confidence, Owed, ProbeKind, RowStatus};

/// How many disclosures come with the program; a file that is lost shows here.
const DISCLOSURES: usize = 78;

pub(super) fn get(name: &str) -> Arc<Disclosure> {
    find(name).unwrap()
}

fn rows<'d>(d: &'d Disclosure, ecosystem: &str, package: &str) -> Vec<&'d Affected> {
    d.affected.iter().filter(|r| r.ecosystem == ecosystem && r.package == package).collect()
}

#[test]
fn every_file_is_registered_passes_the_check_and_is_named_by_its_id() {
    let files: BTreeSet<String> = fs::read_dir("disclosures")
        .expect("tests run from the package root")
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, listed);
    assert_eq!((listed.len(), FILES.len()), (DISCLOSURES, DISCLOSURES));
    for (file, text) in FILES {
        let disclosure = check(text).unwrap_or_else(|faults| panic!("{file}.toml: {faults:#?}"));
        assert_eq!(&*disclosure.id, *file);
        assert!(text.starts_with("# "), "{file}.toml says in its first line what it is");
    }
    assert_eq!(Catalogue::built_in().unwrap().iter().count(), DISCLOSURES);
}

#[test]
fn every_file_is_in_the_layout_that_this_program_writes() {
    for (file, text) in FILES {
        let lines = |text: &str| -> Vec<String> {
            let kept = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            kept.map(str::to_owned).collect()
        };
        assert_eq!(lines(text), lines(&write(&check(text).unwrap())), "{file}.toml");
    }
}

#[test]
fn names_are_unique_and_found_in_any_case() {
    let mut seen = BTreeSet::new();
    for d in Catalogue::built_in().unwrap().iter() {
        for name in d.aliases.iter().map(String::as_str).chain([&*d.id]) {
            assert!(seen.insert(name.to_lowercase()), "{name} is used twice");
            assert_eq!(get(&name.to_uppercase()).id, d.id);
            assert_eq!(get(&name.to_lowercase()).id, d.id);
        }
    }
    for (nickname, id) in [
        ("heartbleed", "CVE-2014-0160"),
        ("ccs", "CVE-2014-0224"),
        ("poodle", "CVE-2014-3566"),
        ("freak", "CVE-2015-0204"),
        ("logjam", "CVE-2015-4000"),
        ("drown", "CVE-2016-0800"),
        ("ticketbleed", "CVE-2016-9244"),
        ("robot", "ROBOT"),
        ("spookyssl", "CVE-2022-3602"),
        ("regresshion", "CVE-2024-6387"),
        ("roca", "CVE-2017-15361"),
        ("xz", "CVE-2024-3094"),
        ("debian-weak-keys", "CVE-2008-0166"),
    ] {
        assert_eq!(&*get(nickname).id, id, "{nickname}");
    }
}

#[test]
fn a_mistyped_name_gets_a_hint_and_no_wall_of_names() {
    let table = [
        (
            "hartbleed",
            "no disclosure is called `hartbleed`; did you mean `heartbleed`?; `allclear disclosure list` shows all",
        ),
        ("shellshock", "no disclosure is called `shellshock`; `allclear disclosure list` shows all"),
        ("\u{1b}[2J", "no disclosure is called `\\x1B[2J`; `allclear disclosure list` shows all"),
    ];
    for (name, expected) in table {
        assert_eq!(find(name).unwrap_err().to_string(), expected);
    }
    let message = find("CVE-2026-4276").unwrap_err().to_string();
    assert!(message.contains("`cve-2026-42764`") && message.len() < 250, "{message}");
}

#[test]
fn bounds_that_people_will_ask_about() {
    let fixed = |id: &str, ecosystem: &str| -> Vec<(RowStatus, Option<String>)> {
        rows(&get(id), ecosystem, "openssl").iter().map(|r| (r.status, r.fixed.clone())).collect()
    };
    let table = [
        ("heartbleed", "Debian:7", "1.0.1e-2+deb7u5"),
        ("heartbleed", "Ubuntu:14.04:LTS", "1.0.1f-1ubuntu2"),
        ("heartbleed", "Amazon Linux:1", "1:1.0.1e-37.66.amzn1"),
        ("CVE-2024-5535", "Debian:11", "1.1.1w-0+deb11u2"),
        ("CVE-2026-84782", "Debian:13", "3.5.7-1~deb13u3"),
        ("CVE-2026-84782", "Debian:12", "3.0.22-1~deb12u2"),
    ];
    for (id, ecosystem, version) in table {
        assert_eq!(
            fixed(id, ecosystem),
            [(RowStatus::Affected, Some(version.to_owned()))],
            "{id} in {ecosystem}"
        );
    }
    let interim = get("heartbleed");
    let interim = rows(&interim, "CentOS:6", "openssl");
    let interim = interim.iter().find(|r| !r.versions.is_empty()).unwrap();
    assert_eq!(interim.versions, ["0:1.0.1e-16.el6_5.4.0.1.centos"]);
    assert_eq!((interim.status, interim.confidence), (RowStatus::NotAffected, Confidence::Unconfirmed));
}

#[test]
fn a_branch_of_openssl_between_the_affected_ones_is_listed_or_not_analysed() {
    let branches = "0.9.8 1.0.0 1.0.1 1.0.2 1.1.0 1.1.1 3.0 3.1 3.2 3.3 3.4 3.5 3.6 4.0";
    let branches: Vec<&str> = branches.split(' ').collect();
    for d in Catalogue::built_in().unwrap().iter() {
        let listed = |branch: &str| d.affected.iter().any(|row| ranges::touches(branch, row));
        let Some(oldest) = branches.iter().position(|b| listed(b)) else { continue };
        let newest = branches.iter().rposition(|b| listed(b)).unwrap();
        for branch in &branches[oldest..=newest] {
            let named = d.not_analysed.iter().any(|b| b == branch);
            assert!(named != listed(branch), "{}: branch {branch} would be taken for clean", d.id);
        }
    }
}

#[test]
fn what_is_owed_has_steps_and_what_is_probed_says_what_that_proves() {
    for d in Catalogue::built_in().unwrap().iter() {
        let owed = d.rotate.keys != Owed::No || d.rotate.secrets != Owed::No;
        assert!(!owed || !d.rotate.steps.is_empty(), "{} owes something and does not say how", d.id);
        let said = !d.probe.proves.is_empty() && !d.probe.cannot.is_empty();
        assert!(said || d.probe.kind != ProbeKind::BuiltIn, "{}", d.id);
        assert!(!d.probe.method.is_empty() && !d.preconditions.is_empty(), "{}", d.id);
        assert!(!d.links.is_empty() && d.sources.is_empty(), "{}", d.id);
    }
    let keys: Vec<String> = Catalogue::built_in()
        .unwrap()
        .iter()
        .filter(|d| d.rotate.keys == Owed::Yes)
        .map(|d| d.id.to_string())
        .collect();
    assert_eq!(keys, ["CVE-2008-0166", "CVE-2014-0160", "CVE-2017-15361", "CVE-2024-3094"]);
}

#[test]
fn disclosures_stand_in_the_order_in_which_they_became_public() {
    let catalogue = Catalogue::built_in().unwrap();
    let order: Vec<_> = catalogue.iter().map(|d| (d.disclosed_at, d.id.clone())).collect();
    assert!(order.is_sorted());
    assert_eq!(&*order[0].1, "CVE-2008-0166");
}
