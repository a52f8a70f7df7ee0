//! Packages against the rows of their release.

use super::*;

#[test]
fn debian_pairs_of_one_banner_are_told_apart_and_show_what_was_compared() {
    let (verdict, compared) = told(&alpn(), "debian 11", "openssl", "1.1.1w-0+deb11u1");
    assert_eq!(verdict, "vulnerable package-affected");
    assert_eq!(compared, "openssl 1.1.1w-0+deb11u1 < 1.1.1w-0+deb11u2 (fixed; Debian:11, record)");
    let (verdict, compared) = told(&alpn(), "debian 11", "openssl", "1.1.1w-0+deb11u8");
    assert_eq!(verdict, "not-vulnerable package-fixed");
    assert_eq!(compared, "openssl 1.1.1w-0+deb11u8 > 1.1.1w-0+deb11u2 (fixed; Debian:11, record)");
    let (verdict, compared) = told(&dtls(), "debian 13", "openssl", "3.5.7-1~deb13u2");
    assert_eq!(verdict, "vulnerable package-affected");
    assert_eq!(compared, "openssl 3.5.7-1~deb13u2 < 3.5.7-1~deb13u3 (fixed; Debian:13, record)");
    let (verdict, compared) = told(&dtls(), "debian 13", "openssl", "3.5.7-1~deb13u3");
    assert_eq!(verdict, "not-vulnerable package-fixed");
    assert_eq!(compared, "openssl 3.5.7-1~deb13u3 = 3.5.7-1~deb13u3 (fixed; Debian:13, record)");
}

#[test]
fn the_traps_of_heartbleed() {
    let table = [
        ("debian 7", "1.0.1e-2+deb7u4", "vulnerable package-affected"),
        ("debian 7", "1.0.1e-2+deb7u5", "not-vulnerable package-fixed"),
        ("debian 7", "1.0.1e-2+deb7u10", "not-vulnerable package-fixed"),
        ("debian 6.0", "0.9.8o-4squeeze15", "not-vulnerable version-not-affected"),
        ("ubuntu 12.04", "1.0.1-4ubuntu5.9", "vulnerable package-affected"),
        ("ubuntu 12.04", "1.0.1-4ubuntu5.12", "not-vulnerable package-fixed"),
        // Affected by its banner, and released with the repair.
        ("ubuntu 14.04", "1.0.1f-1ubuntu2", "not-vulnerable package-fixed"),
        ("rhel 6.5", "1.0.1e-16.el6_5.4", "vulnerable package-affected"),
        ("rhel 6.5", "1.0.1e-16.el6_5.7", "not-vulnerable package-fixed"),
        ("rhel 6.5", "1.0.1e-16.el6_5.14", "not-vulnerable package-fixed"),
        ("rhel 6.4", "1.0.0-27.el6", "not-vulnerable version-not-affected"),
        ("rhel 7.0", "1:1.0.1e-34.el7", "not-vulnerable version-not-affected"),
        ("centos 6", "1.0.1e-16.el6_5.4", "vulnerable package-affected"),
        ("centos 6", "1.0.1e-16.el6_5.7", "not-vulnerable package-fixed"),
        // Heartbeats compiled out, below the fix; one weak source says so.
        ("centos 6", "1.0.1e-16.el6_5.4.0.1.centos", "inconclusive row-unconfirmed"),
        // CentOS has no row of its own for 7 and the very builds of Red Hat.
        ("centos 7", "1:1.0.1e-34.el7", "not-vulnerable version-not-affected"),
        ("amzn 2014.03", "1:1.0.1e-4.58.amzn1", "vulnerable package-affected"),
        ("amzn 2014.03", "1:1.0.1e-37.66.amzn1", "not-vulnerable package-fixed"),
        ("fedora 20", "1:1.0.1e-37.fc20.1", "inconclusive row-unconfirmed"),
        ("fedora 20", "1:1.0.1e-30.fc20", "inconclusive row-unconfirmed"),
        ("mageia 4", "1.0.1e-8.mga4", "inconclusive row-unconfirmed"),
    ];
    for (os, version, expected) in table {
        assert_eq!(openssl(&heartbleed(), os, version), expected, "{os} {version}");
    }
}

#[test]
fn the_unconfirmed_row_is_named_in_the_comparison() {
    let (_, compared) = told(&heartbleed(), "centos 6", "openssl", "1.0.1e-16.el6_5.4.0.1.centos");
    assert_eq!(
        compared,
        "openssl 1.0.1e-16.el6_5.4.0.1.centos = 0:1.0.1e-16.el6_5.4.0.1.centos (exactly; CentOS:6, record, unconfirmed)"
    );
    let (_, compared) = told(&heartbleed(), "mageia 4", "openssl", "1.0.1e-8.mga4");
    assert_eq!(compared, "openssl 1.0.1e-8.mga4 (any version) (Mageia, record; the record does not tell)");
}

#[test]
fn a_mark_in_the_version_outranks_the_hosts_release() {
    // Left over from Debian 11 on a host of Debian 12.
    assert_eq!(openssl(&alpn(), "debian 12", "1.1.1w-0+deb11u8"), "not-vulnerable package-fixed");
    assert_eq!(openssl(&alpn(), "debian 12", "1.1.1w-0+deb11u1"), "vulnerable package-affected");
    assert_eq!(openssl(&alpn(), "ubuntu 22.04", "1.1.1w-0+deb11u8"), "not-vulnerable package-fixed");
    // Of no release with a record: Debian 10's.
    assert_eq!(openssl(&alpn(), "debian 12", "1.1.1n-0+deb10u6"), "inconclusive backport-likely");
    assert_eq!(openssl(&alpn(), "debian 12", "3.0.17-1~bpo11+1"), "not-vulnerable version-not-affected");
    assert_eq!(openssl(&alpn(), "debian 11", "3.0.9-1~bpo11+1"), "inconclusive backport-likely");
    // Neither distribution's record judges the other one's package.
    assert_eq!(openssl(&dtls(), "debian 12", "3.0.2-0ubuntu1.30"), "inconclusive backport-likely");
    assert_eq!(openssl(&dtls(), "ubuntu 22.04", "3.0.2-0ubuntu1.30"), "not-vulnerable package-fixed");
}

#[test]
fn releases_without_a_number_and_derivatives() {
    for name in ["Debian-GNU/Linux-trixie/sid", "Debian GNU/Linux sid"] {
        assert_eq!(openssl(&alpn(), &format!("debian - {name}"), "3.2.1-3"), "vulnerable package-affected");
        assert_eq!(openssl(&alpn(), &format!("debian - {name}"), "3.3.2-1"), "not-vulnerable package-fixed");
    }
    for os in ["raspbian 11", "linuxmint 21", "debian -"] {
        assert_eq!(openssl(&alpn(), os, "3.0.9-1"), "inconclusive backport-likely", "{os}");
    }
    assert_eq!(openssl(&alpn(), "raspbian 11", "1.1.1w-0+deb11u1"), "inconclusive backport-likely");
    assert_eq!(openssl(&alpn(), "alpine 3.20.1", "3.3.1-r0"), "vulnerable package-affected");
    assert_eq!(openssl(&alpn(), "alpine 3.20.1", "3.3.1-r1"), "not-vulnerable package-fixed");
    assert_eq!(openssl(&alpn(), "alpine 3.19.1", "3.1.4-r5"), "inconclusive backport-likely");
    assert_eq!(openssl(&alpn(), "wolfi 2024", "3.3.1-r1"), "inconclusive backport-likely");
    // A list of packages tells no release of Alpine.
    assert_eq!(openssl(&alpn(), "", "3.3.1-r1"), "inconclusive backport-likely");
}

#[test]
fn the_closest_row_decides() {
    let rows = disclosure(vec![
        unconfirmed(spared("Debian", "openssl", "")),
        row("Debian:12", "openssl", "0..3.0.9-1"),
        row("Alpine:v3.x", "openssl", "0..3.0.2-r0"),
        row("Alpine:v3.19", "openssl", "0..3.1.4-r5"),
        row("upstream", "openssl", "3.0.0..3.0.2"),
        row("upstream", "openssl", "1.1.1..1.1.1n"),
    ]);
    assert_eq!(openssl(&rows, "debian 12", "3.0.8-1"), "vulnerable package-affected");
    assert_eq!(openssl(&rows, "debian 13", "3.5.0-1"), "inconclusive row-unconfirmed");
    assert_eq!(openssl(&rows, "alpine 3.19.0", "3.1.4-r4"), "vulnerable package-affected");
    assert_eq!(openssl(&rows, "alpine 3.18.0", "3.0.1-r0"), "vulnerable package-affected");
    assert_eq!(openssl(&rows, "alpine 3.18.0", "3.0.2-r0"), "not-vulnerable package-fixed");
    // A record for all releases, written for another branch than this one's.
    assert_eq!(openssl(&rows, "alpine 3.15.0", "1.1.1l-r0"), "vulnerable package-affected");
    assert_eq!(openssl(&rows, "alpine 3.15.0", "1.1.1n-r0"), "inconclusive backport-likely");
}

#[test]
fn a_package_of_another_branch_than_the_record_is_not_judged_by_it_alone() {
    // On a host of Debian 12: past its fix, and affected by upstream's own record.
    let (verdict, compared) = told(&alpn(), "debian 12", "openssl", "3.3.1-1");
    assert_eq!(verdict, "inconclusive backport-likely");
    assert!(compared.contains("newer upstream release"), "{compared}");
    // Below the fix, and of a branch that never had it.
    let mut rpk = disclosure(vec![
        row("Red Hat:enterprise_linux:9", "openssl", "0..1:3.2.2-6.el9_5.1"),
        row("upstream", "openssl", "3.2.0..3.2.4"),
        spared("upstream", "openssl", "0..3.2.0-alpha1"),
    ]);
    assert_eq!(openssl(&rpk, "rhel 9.4", "1:3.0.7-24.el9"), "inconclusive backport-likely");
    rpk.affected.pop();
    assert_eq!(openssl(&rpk, "rhel 9.4", "1:3.0.7-24.el9"), "vulnerable package-affected");
    assert_eq!(openssl(&rpk, "rhel 9.5", "1:3.2.2-6.el9_5"), "vulnerable package-affected");
}

#[test]
fn a_package_from_elsewhere_is_past_the_bound_and_not_cleared_by_it() {
    let heartbleed = disclosure(vec![
        row("Debian:7", "openssl", "1.0.1-1..1.0.1e-2+deb7u5"),
        row("Ubuntu:12.04:LTS", "openssl", "0..1.0.1-4ubuntu5.12"),
        row("upstream", "openssl", "1.0.1..1.0.1g"),
        row("upstream", "openssl", "1.0.2-beta1..1.0.2-beta2"),
    ]);
    for (os, version, expected) in [
        ("debian 7", "1.0.1f-1", "inconclusive backport-likely"),
        ("debian 7", "1.0.1e-2+deb7u5", "not-vulnerable package-fixed"),
        ("debian 7", "1.0.1g-1", "not-vulnerable package-fixed"),
        ("ubuntu 12.04", "1.0.1f-1ubuntu1", "inconclusive backport-likely"),
        ("ubuntu 12.04", "1.0.1-4ubuntu5.13", "not-vulnerable package-fixed"),
    ] {
        assert_eq!(openssl(&heartbleed, os, version), expected, "{os} {version}");
    }
    let mut dtls = disclosure(vec![
        row("Debian:13", "openssl", "0..3.5.7-1~deb13u3"),
        row("Ubuntu:22.04:LTS", "openssl", "0..3.0.2-0ubuntu1.30"),
        row("upstream", "openssl", "3.0.0..3.0.23"),
        row("upstream", "openssl", "3.5.0..3.5.9"),
    ]);
    dtls.not_analysed = vec!["3.1".to_owned()];
    for (os, version, expected) in [
        ("debian 13", "3.5.8-1", "inconclusive backport-likely"),
        ("debian 13", "3.5.9-1~deb13u1", "not-vulnerable package-fixed"),
        ("debian 13", "3.5.9+really3.5.7-1", "inconclusive backport-likely"),
        ("debian 13", "1:3.5.7-1~deb13u2", "inconclusive backport-likely"),
        ("ubuntu 22.04", "3.1.0-1ubuntu1", "inconclusive branch-not-analysed"),
    ] {
        assert_eq!(openssl(&dtls, os, version), expected, "{os} {version}");
    }
}

#[test]
fn an_advisory_that_names_the_fix_outranks_a_record_that_has_none_yet() {
    let mut rows = disclosure(vec![
        row("Red Hat:enterprise_linux:9::baseos", "openssl", "0..1:3.5.1-8.el9_7"),
        row("Red Hat:enterprise_linux:9", "openssl", ".."),
    ]);
    rows.affected[1].introduced = None;
    rows.affected[1].fixed = None;
    assert_eq!(openssl(&rows, "rhel 9.7", "1:3.5.1-8.el9_7"), "not-vulnerable package-fixed");
    assert_eq!(openssl(&rows, "rhel 9.7", "1:3.5.1-7.el9_7"), "vulnerable package-affected");
}

#[test]
fn streams_of_red_hat_are_for_the_builds_of_their_minor_release() {
    let ssh = disclosure(vec![
        row("Red Hat:enterprise_linux:9", "openssh", "0..0:8.7p1-38.el9_4.1"),
        row("Red Hat:rhel_eus:9.2", "openssh", "0..0:8.7p1-30.el9_2.4"),
        row("Red Hat:rhel_els:6", "openssh", "0..5.3p1-125.el6_10"),
        row("Red Hat:storage:2.1:server:el6", "openssh", "0..9.9p1-1.el9"),
        spared("Red Hat:enterprise_linux:*", "xz", ""),
        row("upstream", "openssh", "8.5p1..9.8p1"),
    ]);
    for (os, version, expected) in [
        ("rhel 9.2", "8.7p1-30.el9_2.4", "not-vulnerable package-fixed"),
        ("rhel 9.2", "8.7p1-30.el9_2.3", "vulnerable package-affected"),
        ("rhel 9.4", "8.7p1-38.el9", "vulnerable package-affected"),
        ("rhel 9.4", "8.7p1-38.el9_4.1", "not-vulnerable package-fixed"),
        ("rhel 6.10", "5.3p1-124.el6_10", "vulnerable package-affected"),
        // Rebuilds have their own records; Red Hat's is shown, and decides nothing.
        ("rocky 9.4", "8.7p1-38.el9_4.1", "inconclusive row-unconfirmed"),
        ("almalinux 9.4", "8.7p1-38.el9", "inconclusive row-unconfirmed"),
        ("ol 8.9", "8.0p1-19.el8_8", "not-vulnerable version-not-affected"),
        ("centos 9 CentOS Stream 9", "8.7p1-43.el9", "inconclusive row-unconfirmed"),
        // Another distribution's build on this host.
        ("fedora 40", "8.7p1-38.el9_4.1", "inconclusive backport-likely"),
    ] {
        assert_eq!(told(&ssh, os, "openssh", version).0, expected, "{os} {version}");
    }
    let (_, compared) = told(&ssh, "rocky 9.4", "openssh", "8.7p1-38.el9_4.1");
    assert!(compared.contains("a rebuild; Red Hat's record"), "{compared}");
    assert_eq!(told(&ssh, "rhel 8.9", "xz", "5.2.4-4.el8_6").0, "not-vulnerable version-not-affected");
}

#[test]
fn ubuntu_pro_has_its_own_rows() {
    let pro = disclosure(vec![
        row("Ubuntu:Pro:16.04:LTS", "openssl", "0..1.0.2g-1ubuntu4.20+esm2"),
        row("Ubuntu:Pro:FIPS-updates:18.04:LTS", "openssl", "0..1.1.1-1ubuntu2.fips.2.1~18.04.15"),
        row("Ubuntu:18.04:LTS", "openssl", "0..1.1.1-1ubuntu2.1~18.04.15"),
        row("upstream", "openssl", "1.0.2..1.0.2zd"),
        row("upstream", "openssl", "1.1.1..1.1.1n"),
    ]);
    for (os, version, expected) in [
        ("ubuntu 16.04", "1.0.2g-1ubuntu4.20+esm1", "vulnerable package-affected"),
        ("ubuntu 16.04", "1.0.2g-1ubuntu4.20+esm2", "not-vulnerable package-fixed"),
        // Not from Pro: the archive has no record for 16.04.
        ("ubuntu 16.04", "1.0.2g-1ubuntu4.20", "inconclusive backport-likely"),
        ("ubuntu 18.04", "1.1.1-1ubuntu2.1~18.04.14", "vulnerable package-affected"),
        ("ubuntu 18.04", "1.1.1-1ubuntu2.1~18.04.23+esm3", "inconclusive backport-likely"),
        ("ubuntu 18.04", "1.1.1-1ubuntu2.fips.2.1~18.04.9", "vulnerable package-affected"),
    ] {
        assert_eq!(openssl(&pro, os, version), expected, "{os} {version}");
    }
}

#[test]
fn suse_goes_by_many_names() {
    let suse = disclosure(vec![
        row("SUSE:SLES 11", "openssl", "0..0.9.8j-0.58.1"),
        row("SUSE:Linux Enterprise Server 15 SP5", "openssl", "0..1.1.1l-150500.17.31.1"),
        row("openSUSE:Leap 15.5", "openssl", "0..1.1.1l-150500.17.31.1"),
        row("openSUSE:13.1", "openssl", "0..1.0.1e-11.32.1"),
        row("openSUSE:Tumbleweed", "openssl", "0..3.1.4-2.1"),
    ]);
    for os in
        ["sles 11.4", "sles 15.5", "opensuse-leap 15.5", "opensuse 13.1", "opensuse-tumbleweed 20260101"]
    {
        assert_eq!(openssl(&suse, os, "0.9.8a-1"), "vulnerable package-affected", "{os}");
    }
    for os in ["sles 15.4", "sles 12.5", "opensuse-leap 15.6"] {
        assert_eq!(openssl(&suse, os, "0.9.8a-1"), "inconclusive branch-not-analysed", "{os}");
    }
}

#[test]
fn a_hidden_epoch_is_assumed_and_said() {
    let rows = heartbleed();
    let mut document = host("amzn 2014.03", Collector::Import);
    for version in ["1.0.1e-4.58.amzn1", "1.0.1e-37.66.amzn1", "1:1.0.1e-4.58.amzn1"] {
        document.packages.push(package("openssl", "openssl", version, Ecosystem::Rpm));
    }
    let assessed = judged(&document, &rows);
    let told: Vec<_> = assessed
        .packages
        .iter()
        .map(|f| (words(f.as_ref()), compared(f.as_ref()).contains("epochs")))
        .collect();
    let expected = [
        ("vulnerable package-affected".to_owned(), true),
        ("not-vulnerable package-fixed".to_owned(), true),
        ("vulnerable package-affected".to_owned(), false),
    ];
    assert_eq!(told, expected);
    // Where the database itself told, no epoch is none.
    assert_eq!(openssl(&rows, "amzn 2014.03", "1.0.1e-37.66.amzn1"), "vulnerable package-affected");
    // A record that leaves the epoch out, of a package that has one, would make everything fixed.
    let bare = disclosure(vec![row("Fedora:20", "openssl", "0..1.0.1e-37.fc20.1")]);
    assert_eq!(openssl(&bare, "fedora 20", "1:1.0.1e-30.fc20"), "inconclusive row-unconfirmed");
    assert_eq!(openssl(&bare, "fedora 20", "1:1.0.1e-38.fc20"), "not-vulnerable package-fixed");
}

#[test]
fn containers_and_lists_go_by_the_version_alone() {
    let mut document = host("debian 12", Collector::Binary);
    let versions = [
        ("1.1.1w-0+deb11u1", Ecosystem::Dpkg, "vulnerable package-affected"),
        ("1.1.1w-0+deb11u8", Ecosystem::Dpkg, "not-vulnerable package-fixed"),
        ("3.0.15-1~deb12u1", Ecosystem::Dpkg, "not-vulnerable package-fixed"),
        // No mark: the host's release is not the container's.
        ("3.0.9-1", Ecosystem::Dpkg, "inconclusive backport-likely"),
        ("3.0.2-0ubuntu1.10", Ecosystem::Dpkg, "inconclusive row-unconfirmed"),
        ("1:1.1.1k-12.el8_9", Ecosystem::Rpm, "vulnerable package-affected"),
        ("1:1.1.1k-14.el8_6", Ecosystem::Rpm, "not-vulnerable package-fixed"),
    ];
    for (version, ecosystem, _) in versions {
        let mut inside = package("openssl", "openssl", version, ecosystem);
        inside.container = Some("c0ffee".to_owned());
        document.packages.push(inside);
    }
    let assessed = judged(&document, &alpn());
    for ((version, _, expected), finding) in versions.iter().zip(&assessed.packages) {
        assert_eq!(words(finding.as_ref()), *expected, "{version}");
    }
    assert!(compared(assessed.packages[5].as_ref()).contains("which distribution built it is not known"));
}

#[test]
fn the_source_version_counts_where_dpkg_has_another_one() {
    let mut package = package("libssl1.1", "openssl", "9.9-1", Ecosystem::Dpkg);
    package.source_version = Some("1.1.1w-0+deb11u1".to_owned());
    let header = host("debian 11", Collector::Binary).header;
    let rows = alpn();
    assert_eq!(words(Judge::new(&rows).package(&package, &header).as_ref()), "vulnerable package-affected");
}

#[test]
fn other_software_and_packages_that_are_not_meant() {
    let xz = disclosure(vec![
        row("upstream", "xz", "5.6.0..5.6.2"),
        spared("Debian:12", "xz-utils", ""),
        unconfirmed(row("openSUSE:Tumbleweed", "xz", "5.6.0..5.6.1.revertto5.4-3.2")),
    ]);
    for (os, name, version, expected) in [
        ("debian 12", "xz-utils", "5.4.1-0.2", "not-vulnerable version-not-affected"),
        ("debian - sid", "xz-utils", "5.6.1-1", "inconclusive backport-likely"),
        ("debian - sid", "xz-utils", "5.6.1+really5.4.5-1", "not-vulnerable version-not-affected"),
        ("rhel 9.4", "xz", "5.2.5-8.el9_0", "not-vulnerable version-not-affected"),
        ("opensuse-tumbleweed 2024", "xz", "5.6.1-1.1", "inconclusive row-unconfirmed"),
        ("debian 12", "openssl", "3.0.9-1", "none"),
        ("debian 12", "xz-dev", "5.6.1-1", "none"),
        ("debian 12", "", "5.6.1-1", "none"),
    ] {
        assert_eq!(told(&xz, os, name, version).0, expected, "{os} {name} {version}");
    }
    // A package that only carries the word.
    assert_eq!(told(&heartbleed(), "debian 7", "openssl-ibmca", "1.0.1e-1").0, "none");
    assert_eq!(
        told(&heartbleed(), "debian 9", "openssl1.0", "1.0.2u-1~deb9u7").0,
        "not-vulnerable version-not-affected"
    );
    // Another package of the same disclosure is not held against OpenSSL's own releases.
    let poodle = disclosure(vec![
        row("upstream", "openssl", "1.0.1..1.0.1j"),
        row("Debian:7", "lighttpd", "0..1.4.31-4+deb7u4"),
    ]);
    assert_eq!(told(&poodle, "debian 9", "lighttpd", "1.4.45-1").0, "inconclusive branch-not-analysed");
    assert_eq!(told(&poodle, "debian 7", "lighttpd", "1.4.31-4+deb7u3").0, "vulnerable package-affected");
}

#[test]
fn what_cannot_be_read_decides_nothing() {
    let long = "1".repeat(10_000);
    for version in ["", "odd version", "1.1.1w-0_\u{1b}[31m", &long, "-", ":", "\n"] {
        let (verdict, compared) = told(&alpn(), "debian 11", "openssl", version);
        assert_eq!(verdict, "inconclusive row-unconfirmed", "{version:.40}");
        assert!(compared.contains("cannot be read"), "{compared:.200}");
        assert!(compared.chars().count() < 400, "{version:.40}");
    }
    // Rows that exclude every version, or cannot be read, do not make anything clean.
    for bad in ["2.0..1.0", "1.0..1.0", "0..x y", "a b..2.0", "3.0..=2.0"] {
        let rows = disclosure(vec![row("Debian:11", "openssl", bad)]);
        assert_eq!(openssl(&rows, "debian 11", "9.9-1"), "inconclusive row-unconfirmed", "{bad}");
    }
}

#[test]
fn records_that_contradict_are_shown_and_the_worse_counts() {
    let rows =
        disclosure(vec![spared("Debian:11", "openssl", ""), row("Debian:11", "openssl", "0..1.1.1w-1")]);
    let (verdict, compared) = told(&rows, "debian 11", "openssl", "1.1.1w-0+deb11u1");
    assert_eq!(verdict, "vulnerable package-affected");
    assert!(compared.contains("another record of the same release says not affected"), "{compared}");
    // A confirmed exact record comes before ranges.
    let rows = disclosure(vec![
        row("Debian:11", "openssl", "0..2.0"),
        spared("Debian:11", "openssl", "=1.1.1w-0+x1"),
    ]);
    assert_eq!(openssl(&rows, "debian 11", "1.1.1w-0+x1"), "not-vulnerable version-not-affected");
    assert_eq!(openssl(&rows, "debian 11", "1.1.1w-0+x2"), "vulnerable package-affected");
    // The last affected version is affected; without an end everything is.
    let rows = disclosure(vec![row("Debian:11", "openssl", "1.0..=1.5")]);
    assert_eq!(openssl(&rows, "debian 11", "1.5"), "vulnerable package-affected");
    assert_eq!(openssl(&rows, "debian 11", "1.6"), "not-vulnerable version-not-affected");
    assert_eq!(openssl(&rows, "debian 11", "0.9"), "not-vulnerable version-not-affected");
    let rows = disclosure(vec![row("Debian:11", "openssl", "1.0..")]);
    assert_eq!(openssl(&rows, "debian 11", "99"), "vulnerable package-affected");
}
