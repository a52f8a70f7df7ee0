//! Imported disclosures beside and in the built-in ones.

use super::*;

fn imported(id: &str, aliases: &[&str], rows: &[(&str, &str, &str)]) -> Disclosure {
    let text = format!(
        "id = {id:?}\naliases = {aliases:?}\ntitle = \"other title\"\ndisclosed_at = \"2030-01-01\"\nleaks = \"?\"\n\
         links = [\"https://example.test/new\"]\nsources = [\"osv, record.json, sha256:00\"]\n"
    );
    let mut disclosure = check(&text).unwrap();
    for (ecosystem, package, fixed) in rows {
        let mut row = Affected::new(ecosystem, package, "imported");
        row.fixed = Some((*fixed).to_owned());
        disclosure.affected.push(row);
    }
    disclosure
}

#[test]
fn a_new_disclosure_stands_in_its_place_and_is_found() {
    let mut catalogue = Catalogue::built_in().unwrap();
    let added = catalogue.add(imported("CVE-2030-1", &["nextbleed"], &[("Debian:13", "openssl", "9-1")]));
    assert_eq!(added.to_string(), "CVE-2030-1: new, 1 row added");
    assert!(added.new);
    assert_eq!(&*catalogue.find("NEXTBLEED").unwrap().id, "CVE-2030-1");
    assert_eq!(&*catalogue.iter().last().unwrap().id, "CVE-2030-1");
    assert_eq!(catalogue.iter().count(), DISCLOSURES + 1);
    assert!(find("nextbleed").is_err(), "what comes with the program stays as it is");
}

#[test]
fn rows_of_the_same_package_give_way_and_everything_else_stays() {
    let before = get("heartbleed");
    // By alias in either direction, and in any case.
    for (id, aliases) in [("cve-2014-0160", &[][..]), ("OSV-1", &["cve-2014-0160"]), ("Heartbleed", &["X-2"])]
    {
        let mut catalogue = Catalogue::built_in().unwrap();
        let rows = [("CentOS:6", "openssl", "9-1"), ("Debian:12", "openssl", "3.0.0-1")];
        let added = catalogue.add(imported(id, aliases, &rows));
        assert_eq!(
            added.to_string(),
            "CVE-2014-0160: merged, 1 row added, 3 rows replaced by 1",
            "imported as {id}"
        );
        let merged = catalogue.find("heartbleed").unwrap();
        assert_eq!(catalogue.iter().count(), DISCLOSURES);
        assert_eq!(super::rows(&merged, "CentOS:6", "openssl").len(), 1);
        assert_eq!(super::rows(&merged, "CentOS:6", "openssl")[0].fixed.as_deref(), Some("9-1"));
        assert_eq!(super::rows(&merged, "Debian:12", "openssl").len(), 1);
        assert_eq!(super::rows(&merged, "Debian:7", "openssl"), super::rows(&before, "Debian:7", "openssl"));
        assert_eq!(
            (
                &merged.title,
                merged.disclosed_at,
                &merged.rotate,
                &merged.probe,
                &merged.feature,
                &merged.never_in
            ),
            (
                &before.title,
                before.disclosed_at,
                &before.rotate,
                &before.probe,
                &before.feature,
                &before.never_in
            )
        );
        assert_eq!(merged.links.len(), before.links.len() + 1);
        assert_eq!(merged.sources, ["osv, record.json, sha256:00"]);
        assert_eq!(&*catalogue.find(id).unwrap().id, "CVE-2014-0160");
        assert!(!merged.aliases.iter().any(|alias| alias.eq_ignore_ascii_case("CVE-2014-0160")));
        // Once more changes nothing.
        catalogue.add(imported(id, aliases, &rows));
        assert_eq!(catalogue.find("heartbleed").unwrap(), merged);
    }
}

#[test]
fn a_record_that_names_several_is_merged_into_its_own_and_says_which_it_left() {
    let mut catalogue = Catalogue::built_in().unwrap();
    let added =
        catalogue.add(imported("CVE-2022-3786", &["cve-2022-3602"], &[("Debian:12", "openssl", "1-1")]));
    assert_eq!(&*added.id, "CVE-2022-3786");
    assert_eq!(added.untouched, ["CVE-2022-3602".into()]);
    assert!(added.to_string().ends_with("the import names them too: CVE-2022-3602"), "{added}");
    assert_eq!(*catalogue.find("CVE-2022-3602").unwrap(), *get("CVE-2022-3602"));
    assert_eq!(&*catalogue.find("spookyssl").unwrap().id, "CVE-2022-3602");
}

#[test]
fn a_branch_that_an_import_analyses_is_no_longer_unanalysed() {
    let mut catalogue = Catalogue::built_in().unwrap();
    let mut import = imported("CVE-2026-84782", &[], &[]);
    let mut row = Affected::new("upstream", "openssl", "imported");
    (row.introduced, row.fixed) = (Some("3.1.0".to_owned()), Some("3.1.9".to_owned()));
    import.affected.push(row);
    assert!(get("CVE-2026-84782").not_analysed.contains(&"3.1".to_owned()));
    catalogue.add(import);
    let merged = catalogue.find("CVE-2026-84782").unwrap();
    assert!(!merged.not_analysed.contains(&"3.1".to_owned()));
    assert!(merged.not_analysed.contains(&"3.2".to_owned()));
}
