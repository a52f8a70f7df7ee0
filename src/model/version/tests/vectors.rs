//! Tables: lines of `a < b`, `a = b` or `a > b`, facts about packages and rules of each scheme.

use std::cmp::Ordering;

use super::{super::rpm, Scheme, order};

#[track_caller]
fn holds(scheme: Scheme, table: &str) {
    let mut lines = 0;
    for line in table.lines().filter(|l| !l.trim().is_empty()) {
        let [a, sign, b] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("no relation: {line}")
        };
        let expected = match sign {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            ">" => Ordering::Greater,
            _ => panic!("no sign: {line}"),
        };
        assert_eq!(order(scheme, a, b), expected, "{scheme}: {line}");
        assert_eq!(order(scheme, b, a), expected.reverse(), "{scheme}: {line}, turned round");
        lines += 1;
    }
    assert!(lines > 0, "an empty table");
}

#[track_caller]
fn refused(scheme: Scheme, texts: &[&str]) {
    for text in texts {
        let error = scheme.check(text).expect_err(text);
        assert_eq!(scheme.compare(text, text), Err(error), "{scheme}: {text}");
    }
}

/// In rising order, none equal to another.
#[track_caller]
fn rising(scheme: Scheme, versions: &[&str]) {
    for (i, a) in versions.iter().enumerate() {
        for (j, b) in versions.iter().enumerate() {
            assert_eq!(order(scheme, a, b), i.cmp(&j), "{scheme}: {a} against {b}");
        }
    }
}

/// Packages of Debian and Ubuntu.
const DEB: &str = "
    1.0.1e-2+deb7u4 < 1.0.1e-2+deb7u5
    1.0.1e-2+deb7u5 < 1.0.1e-2+deb7u6
    1.0.1e-2+deb7u9 < 1.0.1e-2+deb7u10
    1.0.1e-2+deb7u5 < 1.0.1g-1
    1.0.1-4ubuntu5.11 < 1.0.1-4ubuntu5.12
    1.0.1-4ubuntu5.9 < 1.0.1-4ubuntu5.12
    1.0.1f-1ubuntu1 < 1.0.1f-1ubuntu2
    1.0.1f-1ubuntu2 < 1.0.1f-1ubuntu2.27+esm16
    1.0.1c-3ubuntu2.7 < 1.0.1e-3ubuntu1.2
    0.9.8o-4squeeze14 < 1.0.1e-2
    0.9.8z-1 < 0.9.8za-1
    0.9.8za-1 < 0.9.8zc-1
    1.0.2-1 < 1.0.2a-1
    1.0.2~beta1-1 < 1.0.2-1
    3.0.18-1~deb12u2 < 3.0.18-1
    3.0.19-1~deb12u2 < 3.0.20-1~deb12u1
    3.0.9-1 < 3.0.19-1~deb12u2
    3.0.2-0ubuntu1.9 < 3.0.2-0ubuntu1.21
    3.0.2-0ubuntu1.21 < 3.0.2-0ubuntu1.21+Fips1
    1.1.1-1ubuntu2.1~18.04.9 < 1.1.1-1ubuntu2.1~18.04.15
    1.1.1-1ubuntu2.1~18.04.23 < 1.1.1-1ubuntu2.1~18.04.23+esm10
    9.9p1-3 < 1:9.2p1-2+deb12u3
    1:9.2p1-2+deb12u2 < 1:9.2p1-2+deb12u3
    5.6.1-1 < 5.6.1+really5.4.5-1
    5.4.5-0.3 < 5.6.0-0.2
    1.0~rc1-1 < 1.0-1
    1.0-1 = 1.0000-1
    1.0-1 = 0:1.0-1
    1.0 = 1.0-0
";

/// Packages of Red Hat, CentOS and Amazon.
const RPM: &str = "
    0:1.0.1e-16.el6_5.4 < 0:1.0.1e-16.el6_5.7
    0:1.0.1e-16.el6_5.4 < 0:1.0.1e-16.el6_5.4.0.1.centos
    0:1.0.1e-16.el6_5.4.0.1.centos < 0:1.0.1e-16.el6_5.7
    0:1.0.1e-16.el6_5.7 < 0:1.0.1e-16.el6_5.14
    0:1.0.1e-15.el6 < 0:1.0.1e-16.el6_5.7
    0:1.0.1e-16.el6_5.7 < 0:1.0.1e-30.el6_6.5
    0:1.0.0-27.el6_4.4 < 0:1.0.1e-16.el6_5.7
    1:1.0.1e-34.el7_0.3 > 0:1.0.1g-99
    1:1.0.1e-37.66.amzn1 > 0:1.0.1e-37.66.amzn1
    1:1.0.1e-4.58.amzn1 < 1:1.0.1e-37.66.amzn1
    1:3.0.1-43.el9_0 < 1:3.0.1-47.el9_1
    1:3.2.2-6.el9_5 < 1:3.2.2-6.el9_5.1
    1:1.1.1k-6.el8_5 < 1:1.1.1k-14.el8_6
    0:8.7p1-38.el9 < 0:8.7p1-38.el9_4.1
    0:8.7p1-30.el9_2.4 < 0:8.7p1-38.el9_4.1
    1:1.0.2k-8.el7 < 1:1.0.2k-21.el7_9
    0:0.9.8e-27.el5_10.3 < 0:0.9.8e-33.el5_11
    1:1.0.2zd-1 > 1:1.0.2z-1
    1:1.0.2-1 < 1:1.0.2a-1
    1:1.0.2-0.beta1 < 1:1.0.2-1
    1:1.1.1z-1 < 1:1.1.1za-1
";

/// OpenSSL's releases.
const OPENSSL: &str = "
    0.9.8zh < 1.0.0
    1.0.0m < 1.0.1
    1.0.1 < 1.0.1a
    1.0.1f < 1.0.1g
    1.0.1u < 1.0.2-beta1
    1.0.2-beta1 < 1.0.2-beta2
    1.0.2-beta2 < 1.0.2
    1.0.2 < 1.0.2a
    1.0.2z < 1.0.2za
    1.0.2zg < 1.0.2zs
    1.1.1 < 1.1.1a
    1.1.1w < 1.1.1za
    1.1.1za < 1.1.1zj
    1.1.1zj < 3.0.0
    3.0.0-alpha1 < 3.0.0-beta1
    3.0.0-beta1 < 3.0.0
    3.0.6 < 3.0.7
    3.0.9 < 3.0.16
    3.6.5 < 4.0.0
";

/// The rules of RPM's segments, tildes and carets.
const RPM_RULES: &str = "
    1.0 = 1.0
    1.0 < 2.0
    2.0.1 > 2.0
    2.0.1a > 2.0.1
    5.5p1 < 5.5p2
    5.5p10 > 5.5p1
    10xyz < 10.1xyz
    xyz10 < xyz10.1
    xyz.4 < 8
    xyz.4 < 2
    5.5p2 < 5.6p1
    6.0.rc1 > 6.0
    10b2 > 10a1
    1.0aa > 1.0a
    10.0001 = 10.1
    10.0001 < 10.0039
    4.999.9 < 5.0
    20101121 < 20101122
    2_0 = 2.0
    2.0. = 2.0
    a+ = a_
    1..2 = 1_+2
    1.0~rc1 < 1.0
    1.0~rc1 < 1.0~rc2
    1.0~rc1~git123 < 1.0~rc1
    1.0^ > 1.0
    1.0^git1 > 1.0
    1.0^git1 < 1.0^git2
    1.0^git1 < 1.01
    1.0^1 < 1.0a
    1.0^20160101 < 1.0.1
    1.0^20160101^git1 > 1.0^20160101
    1.0~rc1^git1 > 1.0~rc1
    1.0^git1~pre < 1.0^git1
    1.0.~rc1 < 1.0
    1a < 1.1
    1A < 1a
    :1.0-1 = 0:1.0-1
    000:1.0-1 = 1.0-1
    18446744073709551617:1 > 18446744073709551616:1
    1.18446744073709551617 > 1.18446744073709551616
    1.000000000000000000000000000000002 < 1.10
    1.0-1 < 1.0-1.1
    1.0-1~rc1 < 1.0-1
";

/// Alpine's rules.
const APK: &str = "
    1.0.1g-r0 > 1.0.1f-r3
    1.1.1w-r0 < 1.1.1w-r1
    1.1.1w-r9 < 1.1.1w-r10
    3.0.8-r0 < 3.0.8-r1
    3.0.9-r0 < 3.0.12-r0
    3.1.4-r6 < 3.1.5-r0
    3.3.2-r0 > 3.1.7-r1
    9.7_p1-r4 < 9.8_p1-r0
    9.8_p1-r0 < 9.8_p1-r1
    9.8_p2-r0 > 9.8_p1-r9
    5.6.0-r1 < 5.6.1-r0
    5.6.1-r0 < 5.6.1-r2
    1.0 < 1.0-r0
    1.0-r0 = 1.0-r00
    1.0-r2 = 1.0-r002
    007 = 7
    007.1 = 7.1
    1.9 < 1.10
    1.09 < 1.9
    1.09 < 1.10
    1.010 < 1.02
    8.2.0015 < 8.2.002
    1.0 < 1.00
    1.00 < 1.01
    1.0 < 1.0.0
    1.0 < 1.0a
    1.0a < 1.0b
    1.0z < 1.0.1
    1.0a < 1.0a_p1
    1.0a_rc1 < 1.0a
    1.0a_rc1 > 1.0
    1.0_alpha < 1.0_alpha0
    1.0_alpha0 < 1.0_alpha1
    1.0_alpha9 < 1.0_alpha10
    1.0_alpha1 = 1.0_alpha01
    1.0_alpha_pre2 < 1.0_alpha
    1.0_alpha1 < 1.0_alpha_p
    1.0_pre20191002222144-r0 < 1.0_pre20210530193627-r0
    1.0_rc1-r9 < 1.0-r0
    1.0_p1-r0 > 1.0-r9
    1.0_git20240101 > 1.0
    1.0_git20240101 < 1.0.1
    1.0 < 1.0~abc
    1.0~abc < 1.0~abd
    1.0~9 < 1.0~a
    1.0~ab < 1.0~ab0
    1.0-r1 < 1.0~abc-r0
    1.0~abc-r1 < 1.0~abc-r2
    1.0~abc < 1.0_p1
    1.0_p1 < 1.0_p1~abc
    1.0_rc1~abc < 1.0
    99999999999999999999998 < 99999999999999999999999
    1.99999999999999999999998 < 1.99999999999999999999999
    1.0_p18446744073709551616 > 1.0_p1
    1.0-r18446744073709551616 > 1.0-r1
";

#[test]
fn debian_packages_stand_as_dpkg_has_them() {
    holds(Scheme::Dpkg, DEB);
}

#[test]
fn dpkg_rules() {
    rising(
        Scheme::Dpkg,
        &[
            "1~~",
            "1~~a",
            "1~",
            "1~rc1",
            "1~rc1+b",
            "1-~",
            "1",
            "1a~z",
            "1a",
            "1az",
            "1b",
            "1z",
            "1za",
            "1+b",
            "1.0~",
            "1.0",
            "1.9",
            "1.10",
            "1.10-0.1",
            "1.10-1~bpo9+1",
            "1.10-1",
            "1.10-1+deb9u1",
            "1.10-1+deb9u9",
            "1.10-1+deb10u1",
            "2",
            "18446744073709551616",
            "1:0~",
            "1:1",
            "1:1:2-3",
            "2147483647:0",
        ],
    );
    for (a, b) in [("1.0", "01.000-00"), ("1.0-1-2", "0001.0-1-2"), ("1a", "1a0"), ("1:1", "0001:1")] {
        assert_eq!(order(Scheme::Dpkg, a, b), Ordering::Equal, "{a} {b}");
    }
}

#[test]
fn dpkg_refuses_what_the_tool_calls_bad_syntax() {
    refused(
        Scheme::Dpkg,
        &[
            "",
            "a",
            "~1",
            ".1",
            "v1.0",
            "OpenSSH_9.7p1",
            "1_2",
            "1^1",
            "1-_",
            "1-",
            ":",
            ":1",
            "1:",
            "1:-1",
            "a:1",
            "+1:1",
            "1-1:1",
            "2147483648:1",
            "1:1-1:1",
            "1 2",
            " 1",
            "1\n",
        ],
    );
}

#[test]
fn dpkg_orders_upstream_releases_of_other_software() {
    rising(Scheme::Dpkg, &["8.5p1", "9.7p1", "9.8p1", "9.8p2", "9.9", "9.9p1", "10.0p1"]);
    rising(Scheme::Dpkg, &["5.4.5", "5.6.0", "5.6.1", "5.6.2", "5.10.0"]);
    rising(Scheme::Dpkg, &["11.6.1", "11.6.2", "12.1.2", "13.0.0"]);
}

#[test]
fn rpm_packages_stand_as_rpm_has_them() {
    holds(Scheme::Rpm, RPM);
    holds(Scheme::Rpm, RPM_RULES);
}

#[test]
fn a_missing_release_of_an_rpm_decides_nothing() {
    holds(Scheme::Rpm, "1.0 = 1.0-1\n1.0 = 1.0-2\n1.0 < 1.1-1\n1:1.0 > 1.1-1");
    for (text, expected) in
        [("1.0-1", true), ("1:1.0-1.el9", true), ("1.0", false), ("0:1.0", false), ("1.0-", false)]
    {
        assert_eq!(rpm::has_release(text), expected, "{text}");
    }
}

#[test]
fn rpm_refuses_what_no_package_carries() {
    refused(
        Scheme::Rpm,
        &[
            "",
            "-",
            "-1",
            "1-",
            ":",
            "1:",
            "a:1",
            "-1:1",
            "1:2:3",
            ".",
            "~",
            "^",
            "1-~",
            "._+",
            "1 ",
            "1\t2",
            "1/2",
            "openssl-1.0.1e-16.el6",
            "(none):1.0-1",
            "1.0-1.x86_64/rpm",
            "1.0-%{release}",
        ],
    );
}

#[test]
fn alpine_packages_stand_as_apk_has_them() {
    holds(Scheme::Apk, APK);
    rising(
        Scheme::Apk,
        &[
            "1_alpha", "1_alpha1", "1_beta", "1_pre", "1_rc", "1_rc1", "1", "1-r0", "1-r1", "1~0", "1_cvs",
            "1_svn", "1_git", "1_hg", "1_p", "1_p1", "1a", "1.0", "2",
        ],
    );
}

#[test]
fn apk_refuses_what_the_tool_calls_invalid() {
    refused(
        Scheme::Apk,
        &[
            "",
            "a",
            "-r1",
            "_p1",
            "~ab",
            ".1",
            "1.",
            "1..2",
            "1.a",
            "1.1.1zh-r0",
            "1.1.1zh",
            "1ab",
            "1a1",
            "1a.1",
            "1A",
            "0:1.0",
            "1:1.0-r0",
            "1.0-1",
            "1.0-r",
            "1.0-ra",
            "1.0-r1-r2",
            "1.0-r1_p1",
            "1.0-r1.2",
            "1.0-r1~ab",
            "1.0_",
            "1.0_foo",
            "1.0_p1a",
            "1.0_p1.2",
            "1.0_p.2",
            "1.0_preview",
            "1.0_P1",
            "1.0__p1",
            "1.0~",
            "1.0~xyz",
            "1.0~abg",
            "1.0~AB",
            "1.0~ab~cd",
            "1.0~ab_p1",
            "1.0+b",
            "1.0-",
            "1.0-r1 ",
            " 1.0",
            "1.0~rc1",
            "1.0^git",
            "9.7p1",
        ],
    );
}

#[test]
fn openssl_releases_stand_in_their_order() {
    holds(Scheme::Openssl, OPENSSL);
    holds(
        Scheme::Openssl,
        "1.0.2-beta < 1.0.2-beta1\n1.0.2-beta9 < 1.0.2-beta10\n1.0.2-beta2 < 1.0.2-beta99999999999\n\
         1.0.2-beta99999999999 < 1.0.2\n1.0.1e-fips = 1.0.1e\n3.0.2+quic = 3.0.2",
    );
    // The other orders cannot stand in for it.
    assert_eq!(order(Scheme::Openssl, "1.0.2-beta1", "1.0.2"), Ordering::Less);
    assert_eq!(order(Scheme::Dpkg, "1.0.2-beta1", "1.0.2"), Ordering::Greater);
}
