//! What has to hold for any rows and versions.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::model::verdict::Verdict;

const RELEASES: &[(&str, &str)] = &[
    ("Debian:11", "debian 11"),
    ("Red Hat:enterprise_linux:9", "rhel 9"),
    ("Alpine:v3.20", "alpine 3.20.1"),
    ("Ubuntu:22.04:LTS", "ubuntu 22.04"),
];

fn version() -> impl Strategy<Value = String> {
    ("[1-3]", "[0-9]", "[0-9]", 0_u8..4).prop_map(|(a, b, c, r)| format!("{a}.{b}.{c}-r{r}"))
}

fn any_row(decides: bool) -> impl Strategy<Value = (Affected, &'static str)> {
    let ends = (option::of(version()), option::of(version()), option::of(version()), vec(version(), 0..2));
    (ends, select(RELEASES), 0..3_u8, any::<bool>()).prop_map(
        move |((introduced, fixed, last_affected, versions), (ecosystem, os), status, weak)| {
            let mut row = row(ecosystem, "openssl", "");
            row.introduced = introduced;
            row.last_affected = last_affected.filter(|_| fixed.is_none());
            row.fixed = fixed;
            row.versions = versions;
            row.status = RowStatus::ALL[usize::from(status)];
            if !decides && row.status != RowStatus::Unknown && !weak {
                row.confidence = Confidence::Unconfirmed;
            } else if !decides {
                row.status = RowStatus::Unknown;
            }
            (row, os)
        },
    )
}

proptest! {
    #[test]
    fn rows_that_decide_nothing_never_decide(rows in vec(any_row(false), 1..6), version in version()) {
        let oses: Vec<&str> = rows.iter().map(|(_, os)| *os).collect();
        let rows = disclosure(rows.into_iter().map(|(row, _)| row).collect());
        for os in oses {
            let (verdict, compared) = told(&rows, os, "openssl", &version);
            prop_assert!(verdict.starts_with("inconclusive"), "{} by {}", verdict, compared);
        }
    }

    #[test]
    fn later_versions_are_never_worse_within_one_row(from in version(), fixed in version(), mut versions in vec(version(), 2..8)) {
        for (ecosystem, os) in RELEASES {
            let scheme = row(ecosystem, "openssl", "").scheme().unwrap();
            let rows = disclosure(vec![row(ecosystem, "openssl", &format!("0..{fixed}")), row("Debian:1", "x", &from)]);
            versions.sort_by(|a, b| scheme.compare(a, b).unwrap());
            let seen: Vec<bool> = versions.iter().map(|v| openssl(&rows, os, v).starts_with("vulnerable")).collect();
            prop_assert!(seen.is_sorted_by(|a, b| a >= b), "{:?} {:?} below {}", versions, seen, fixed);
            for (version, vulnerable) in versions.iter().zip(seen) {
                prop_assert_eq!(vulnerable, scheme.compare(version, &fixed).unwrap().is_lt(), "{} {}", version, fixed);
            }
        }
    }

    #[test]
    fn a_clean_or_bad_verdict_rests_on_a_confirmed_record(rows in vec(any_row(true), 0..6), version in version(), pick in select(RELEASES)) {
        let rows = disclosure(rows.into_iter().map(|(row, _)| row).collect());
        let header = host(pick.1, Collector::Binary).header;
        let package = package("openssl", "openssl", &version, database(pick.1, &version));
        if let Some(finding) = Judge::new(&rows).package(&package, &header)
            && (finding.verdict.is_clean() || finding.verdict == Verdict::Vulnerable)
        {
            let compare = finding.compare.unwrap();
            prop_assert_eq!(compare.confidence, Confidence::Confirmed);
            prop_assert_eq!(compare.ecosystem.as_str(), pick.0);
        }
    }

    #[test]
    fn no_text_of_a_host_stops_the_judging(texts in vec(".{0,40}", 12), hit in any::<bool>()) {
        let mut document = host(&texts[0], Collector::Import);
        let source = if hit { "openssl" } else { texts[1].as_str() };
        for ecosystem in Ecosystem::ALL {
            document.packages.push(package(&texts[2], source, &texts[3], *ecosystem));
        }
        let mut file = mapped_anyhow(&texts[4..9]);
        file = owned(file, &document.packages[0], None);
        document.libraries.push(file);
        document.processes.push(process(3, &texts[9], &texts[10], ""));
        for rows in [heartbleed(), alpn(), dtls()] {
            let assessed = judged(&document, &rows);
            prop_assert_eq!(assessed.packages.len(), 3);
            prop_assert!(assessed.verdicts[0].as_ref().is_some_and(|f| !f.verdict.is_clean()) || document.libraries[0].version.as_deref().is_some_and(|v| v.contains('.')));
            prop_assert_eq!(&assessed, &judged(&document, &rows));
        }
    }
}

fn mapped_anyhow(texts: &[String]) -> Library {
    let mut file = copy(&texts[0], CopyKind::Mapped, &texts[1]);
    file.build_id = Some(texts[2].clone());
    file.banner = Some(texts[3].clone());
    file.deleted = texts[4].len().is_multiple_of(2);
    file.processes = vec![3, 4];
    file
}
