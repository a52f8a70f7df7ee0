use proptest::prelude::*;

use super::*;

/// `product version` of each, without a version where there is none.
fn named(source: Source, banner: &str) -> Vec<String> {
    software(source, banner.as_bytes())
        .into_iter()
        .map(|found| {
            assert_eq!(&*found.source, source.as_str());
            found.version.map_or_else(|| found.product.clone(), |v| format!("{} {v}", found.product))
        })
        .collect()
}

#[test]
fn http_servers() {
    for (banner, expected) in [
        (
            "Apache/2.4.6 (CentOS) OpenSSL/1.0.1e-fips PHP/5.4.16",
            &["Apache 2.4.6", "OpenSSL 1.0.1e-fips", "PHP 5.4.16"][..],
        ),
        ("nginx/1.22.1", &["nginx 1.22.1"]),
        ("nginx", &["nginx"]),
        ("lighttpd", &["lighttpd"]),
        ("Microsoft-IIS/10.0", &["Microsoft-IIS 10.0"]),
        (
            "Apache/2.2.15 (Red Hat OpenSSL/9.9.9 (x/1 y)) mod_ssl/2.2.15",
            &["Apache 2.2.15", "mod_ssl 2.2.15"],
        ),
        ("Jetty(9.4.43.v20210629)", &["Jetty 9.4.43.v20210629"]),
        ("PHP/5.3.10-1~deb", &["PHP 5.3.10-1"]),
        ("Perl/v5.10.1", &["Perl 5.10.1"]),
        ("nginx/1.1 nginx/1.1", &["nginx 1.1"]),
        ("a/1 b/2 c/3 d/4 e/5 f/6 g/7 h/8 i/9", &["a 1", "b 2", "c 3", "d 4", "e 5", "f 6", "g 7", "h 8"]),
        ("www.example.com", &[]),
        ("our little server", &[]),
        ("and/or", &[]),
        ("/1.0", &[]),
        ("b\u{e9}ta/1.0", &[]),
        ("<script>/1.0", &[]),
        ("", &[]),
    ] {
        assert_eq!(named(Source::HttpServer, banner), expected, "{banner}");
    }
}

#[test]
fn ssh_identifications() {
    for (banner, expected) in [
        ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", Some("OpenSSH 9.2p1-2+deb12u3")),
        ("SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.10\r\n", Some("OpenSSH 8.9p1-3ubuntu0.10")),
        ("SSH-2.0-OpenSSH_9.3 FreeBSD-20230316", Some("OpenSSH 9.3")),
        ("SSH-2.0-OpenSSH_9.2p1 Debian-\u{1}", Some("OpenSSH 9.2p1")),
        ("SSH-2.0-OpenSSH_for_Windows_8.1", Some("OpenSSH_for_Windows 8.1")),
        ("SSH-2.0-dropbear_2019.78", Some("dropbear 2019.78")),
        ("SSH-2.0-dropbear", Some("dropbear")),
        ("SSH-2.0-libssh-0.6.3", Some("libssh 0.6.3")),
        ("SSH-2.0-libssh_0.9.6", Some("libssh 0.9.6")),
        ("SSH-1.99-Cisco-1.25", Some("Cisco 1.25")),
        ("SSH-2.0-mod_sftp/0.9.8", Some("mod_sftp 0.9.8")),
        ("SSH-2.0-Go", Some("Go")),
        ("SSH-2.0-keepout", None),
        ("SSH-OpenSSH_9.2", None),
        ("OpenSSH_9.2p1", None),
    ] {
        assert_eq!(named(Source::Ssh, banner).first().map(String::as_str), expected, "{banner}");
    }
}

#[test]
fn greetings() {
    for (source, banner, expected) in [
        (Source::Smtp, "220 mx.example ESMTP Postfix (Debian/GNU)", Some("Postfix")),
        (Source::Smtp, "220 mx.example ESMTP Postfix (2.11.0)", Some("Postfix 2.11.0")),
        (Source::Smtp, "220-mx.example ESMTP Exim 4.96 Tue, 08 Apr 2014 00:00:00 +0000", Some("Exim 4.96")),
        (
            Source::Smtp,
            "220 mx.example ESMTP Sendmail 8.14.4/8.14.4; Tue, 8 Apr 2014",
            Some("Sendmail 8.14.4"),
        ),
        (
            Source::Smtp,
            "220 mx.example Microsoft ESMTP MAIL Service, Version: 6.0.3790.4675 ready at  Tue",
            Some("Microsoft ESMTP MAIL Service 6.0.3790.4675"),
        ),
        (
            Source::Smtp,
            "220 mx.example Microsoft ESMTP MAIL Service ready at Tue",
            Some("Microsoft ESMTP MAIL Service"),
        ),
        (Source::Smtp, "220 mx.example ESMTP Haraka/2.8.25 ready", Some("Haraka 2.8.25")),
        (
            Source::Smtp,
            "220 mx.example ESMTP Service (IBM Domino Release 9.0.1FP8) ready",
            Some("Domino 9.0.1FP8"),
        ),
        (Source::Smtp, "220 Exim 4.96 is our name", None),
        (Source::Smtp, "220 Postfix ESMTP", None),
        (Source::Smtp, "220 mx.example we do not run Exim 4.96", None),
        (Source::Smtp, "220 mx.example ESMTP", None),
        (Source::Smtp, "220 mx.example ESMTP Eximious 3.0", None),
        (Source::Lmtp, "220 mx.example Dovecot (Debian) ready.", Some("Dovecot")),
        (
            Source::Lmtp,
            "220 mx.example Cyrus LMTP 3.2.6-Debian-3.2.6-2 server ready",
            Some("Cyrus 3.2.6-Debian-3.2.6-2"),
        ),
        (Source::Lmtp, "220 mx.example LMTP Cyrus v2.3.7 ready", Some("Cyrus 2.3.7")),
        (Source::Ftp, "220 (vsFTPd 3.0.3)", Some("vsFTPd 3.0.3")),
        (Source::Ftp, "220 ProFTPD 1.3.5 Server (Debian) [::ffff:192.0.2.1]", Some("ProFTPD 1.3.5")),
        (Source::Ftp, "220 ProFTPD Server (files) [192.0.2.1]", Some("ProFTPD")),
        (Source::Ftp, "220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------", Some("Pure-FTPd")),
        (Source::Ftp, "220-FileZilla Server 0.9.41 beta", Some("FileZilla Server 0.9.41")),
        (Source::Ftp, "220-FileZilla Server version 0.9.31 beta", Some("FileZilla Server 0.9.31")),
        (Source::Ftp, "220 ftp.example FTP server (GNU inetutils 1.9.4) ready.", Some("GNU inetutils 1.9.4")),
        (Source::Ftp, "220 Welcome to our ftp 3.0", None),
        (Source::Pop3, "+OK Dovecot (Ubuntu) ready.", Some("Dovecot")),
        (
            Source::Pop3,
            "+OK mx.example Cyrus POP3 v2.4.17-Fedora-RPM-2.4.17-7 server ready",
            Some("Cyrus 2.4.17-Fedora-RPM-2.4.17-7"),
        ),
        (Source::Pop3, "+OK Qpopper (version 4.0.9) at mx starting.", Some("Qpopper 4.0.9")),
        (Source::Pop3, "+OK Hello there.", None),
        (Source::Imap, "* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot ready.", Some("Dovecot")),
        (
            Source::Imap,
            "* OK [CAPABILITY IMAP4] mx.example Cyrus IMAP v2.4.17 server ready",
            Some("Cyrus 2.4.17"),
        ),
        (
            Source::Imap,
            "* OK [CAPABILITY IMAP4rev1] Courier-IMAP ready. Copyright 1998-2011",
            Some("Courier-IMAP"),
        ),
        (Source::Imap, "* OK [CAPABILITY IMAP4rev1 X=Dovecot 2.3", None),
        (
            Source::Nntp,
            "200 news.example InterNetNews NNRP server INN 2.7.0 ready (posting ok)",
            Some("INN 2.7.0"),
        ),
        (Source::Nntp, "200 news.example InterNetNews server INN 2.7.0 ready", Some("INN 2.7.0")),
        (Source::Nntp, "201 Leafnode NNTP Daemon, version 1.11.8 running at news", Some("Leafnode 1.11.8")),
        (Source::Nntp, "200 news.example INNsane", None),
        (Source::Sieve, "Dovecot (Debian) Pigeonhole", Some("Dovecot")),
        (Source::Sieve, "Cyrus timsieved v2.4.17", Some("Cyrus 2.4.17")),
        (Source::Sieve, "something 1.0", None),
    ] {
        assert_eq!(named(source, banner).first().map(String::as_str), expected, "{banner}");
    }
}

#[test]
fn databases_and_turn_servers() {
    for (source, banner, expected) in [
        (Source::Mysql, "5.5.5-10.11.6-MariaDB-0+deb12u1", Some("MariaDB 10.11.6-0+deb12u1")),
        (Source::Mysql, "5.5.5-10.11.6-MariaDB-0+deb12u1-log", Some("MariaDB 10.11.6-0+deb12u1")),
        (Source::Mysql, "11.4.2-MariaDB", Some("MariaDB 11.4.2")),
        (Source::Mysql, "10.3.39-MariaDB-1:10.3.39+maria~ubu2004", Some("MariaDB 10.3.39")),
        (Source::Mysql, "8.0.36", Some("MySQL 8.0.36")),
        (Source::Mysql, "8.0.36-0ubuntu0.22.04.1", Some("MySQL 8.0.36-0ubuntu0.22.04.1")),
        (Source::Mysql, "5.7.44-log", Some("MySQL 5.7.44")),
        (Source::Mysql, "8.0.11-TiDB-v7.5.0", Some("TiDB 7.5.0")),
        (Source::Mysql, "8", None),
        (Source::Mysql, "hello", None),
        (Source::Mysql, "-MariaDB", None),
        (Source::StunSoftware, "Coturn-4.6.1 'Gorst'", Some("Coturn 4.6.1")),
        (Source::StunSoftware, "restund v0.4.2 (x86_64/linux)", Some("restund 0.4.2")),
        (Source::StunSoftware, "TurnServer 0.7.3", Some("TurnServer 0.7.3")),
        (Source::StunSoftware, "we have 5 servers", None),
        (Source::StunSoftware, "None", None),
    ] {
        assert_eq!(named(source, banner).first().map(String::as_str), expected, "{banner}");
    }
}

#[test]
fn long_and_cut_texts_give_no_half_version() {
    let long = format!("nginx/1.{}", "2".repeat(80));
    assert_eq!(named(Source::HttpServer, &long), ["nginx"]);
    let long = format!("{}/1.0", "n".repeat(65));
    assert!(named(Source::HttpServer, &long).is_empty());
    let cut = format!("{}nginx/1.22.1", " ".repeat(MAX_LOOK - 10));
    assert_eq!(named(Source::HttpServer, &cut), ["nginx"]);
}

#[test]
fn only_the_first_line_counts() {
    assert_eq!(named(Source::Smtp, "220 mx ESMTP\r\nx Exim 4.96"), [""; 0]);
    assert_eq!(named(Source::Mysql, "8.0.36\0junk"), ["MySQL 8.0.36"]);
}

#[test]
fn the_server_header_is_found_where_its_line_is_whole() {
    for (response, expected) in [
        ("HTTP/1.1 200 OK\r\nDate: x\r\nSERVER:  nginx/1.22.1 \r\n\r\n", Some("nginx/1.22.1")),
        ("http/1.0 400 Bad\nserver:lighttpd\n\n", Some("lighttpd")),
        ("HTTP/1.1 200 OK\r\nServer: a\r\nServer: b\r\n\r\n", Some("a")),
        ("HTTP/1.1 200 OK\r\nno colon\r\nServer:\r\n\r\n", Some("")),
        ("HTTP/1.1 200 OK\r\nServer: Apache/2.4.", None),
        ("HTTP/1.1 200 OK\r\n\r\nServer: body\r\n", None),
        ("HTTP/1.1 200 OK\r\nX-Server: a\r\n\r\n", None),
        ("220 mx\r\nServer: a\r\n", None),
        ("", None),
    ] {
        assert_eq!(
            http_server_header(response.as_bytes()).map(|v| std::str::from_utf8(v).unwrap()),
            expected
        );
    }
    let far = format!("HTTP/1.1 200 OK\r\n{}Server: a\r\n\r\n", "X: y\r\n".repeat(MAX_HEAD));
    assert_eq!(http_server_header(far.as_bytes()), None);
}

#[test]
fn names_of_sources_are_unique() {
    let mut names: Vec<&str> = Source::ALL.iter().map(|source| source.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Source::ALL.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_break_it(data in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz(&data);
    }

    #[test]
    fn words_of_banners_do_not_either(parts in prop::collection::vec(prop::sample::select(vec![
        "HTTP/1.1 200\r\n", "Server: ", "SSH-2.0-", "OpenSSH_", "220 ", "* OK [", "]", "ESMTP ", "Exim ", "4.96", " ",
        "Debian-", "-MariaDB-", "5.5.5-", "/", "(", ")", "v", "\r\n", "Jetty(", "\u{e9}", "-", "_", ".", ",", "Postfix",
        "Dovecot", "vsFTPd", "Version: ",
    ]), 0..30)) {
        fuzz(parts.concat().as_bytes());
    }

    /// Whatever product token is put into a Server value is given back as it is.
    #[test]
    fn product_tokens_come_back(name in "[A-Za-z][A-Za-z0-9_.+-]{0,40}", version in "[0-9]{1,4}(\\.[0-9]{1,4}){0,3}[a-z]?") {
        let found = software(Source::HttpServer, format!("x (y) {name}/{version}").as_bytes());
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].product, &name);
        prop_assert_eq!(found[0].version.as_deref(), Some(version.as_str()));
    }
}
