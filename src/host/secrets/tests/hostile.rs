//! Input that means harm: circles, depths, sizes, broken bytes, and text that must not come back out.

use std::{fmt::Write as _, os::unix::fs::symlink};

use proptest::prelude::*;

use super::{
    super::{
        config::{glob, lines, table},
        der, fuzz, pem, private,
    },
    Host,
};

#[test]
fn includes_in_a_circle_end_and_deep_ones_are_a_gap() {
    let host = Host::new();
    host.write("/etc/nginx/nginx.conf", "include a.conf;").write("/etc/nginx/a.conf", "include b/*.conf;");
    host.write("/etc/nginx/b/x.conf", "include a.conf; include b/y.conf;");
    symlink("../a.conf", host.path("/etc/nginx/b/y.conf")).unwrap();
    assert_eq!(host.gaps(), Vec::<String>::new());
    for n in 0..20 {
        host.write(&format!("/etc/nginx/d{n}"), format!("include d{};", n + 1));
    }
    host.write("/etc/nginx/nginx.conf", "include d0;").write("/etc/nginx/d20", "");
    assert_eq!(host.gaps(), ["too-deep: /etc/nginx/d10"]);
}

#[test]
fn large_files_are_gaps_and_links_out_of_the_root_lead_nowhere() {
    let host = Host::new();
    host.write(
        "/etc/nginx/nginx.conf",
        "include big; include loop; ssl_certificate_key /out; ssl_certificate_key /big;",
    );
    host.write("/etc/nginx/big", vec![b' '; (1 << 20) + 1]).write("/big", vec![b'-'; (1 << 20) + 1]);
    symlink("loop", host.path("/etc/nginx/loop")).unwrap();
    symlink("../../../../../../../../etc/passwd", host.path("/out")).unwrap();
    assert_eq!(
        host.gaps(),
        [
            "config-too-large: /etc/nginx/big",
            "config-unreadable: /etc/nginx/loop",
            "key-missing: /out (configured at /etc/nginx/nginx.conf:1)",
            "key-too-large: /big",
        ]
    );
}

#[test]
fn configurations_that_are_not_text_do_no_harm() {
    let host = Host::new();
    for service in &table::TABLE.service {
        for file in service.files.iter().filter(|f| !glob::is_pattern(f)) {
            host.write(file, [b"\xff\xfe\0key".as_slice(), &[b'{'; 3000], b"\nssl_key = <\xff\n"].concat());
        }
    }
    for file in [
        "/etc/nginx/nginx.conf",
        "/etc/apache2/apache2.conf",
        "/etc/haproxy/haproxy.cfg",
        "/etc/exim.conf",
        "/etc/prosody/prosody.cfg.lua",
        "/etc/inspircd/inspircd.conf",
        "/opt/tomcat/conf/server.xml",
        "/etc/squid/squid.conf",
    ] {
        host.write(
            file,
            [b"<{[\"'\\".repeat(2000).as_slice(), b"\xff\xff", &[b'}'; 5000], b"\n<a b=\"", b"\n--[[ \n"]
                .concat(),
        );
    }
    assert!(host.keys().0.is_empty());
}

#[test]
fn long_lines_and_many_names_take_no_time() {
    let started = std::time::Instant::now();
    let host = Host::new();
    let mut macros = "A".repeat(300_000);
    for n in 0..20_000 {
        writeln!(macros, "\nM{n} = M{}M{}", n.max(1) - 1, n.max(1) - 1).unwrap();
    }
    host.write("/etc/exim.conf", format!("{macros}\ntls_privatekey = M900M901\n"));
    let doubled: String = (0..30_000).fold("v0 = xx\n".to_owned(), |mut all, n| {
        writeln!(all, "v{} = $v{n}$v{n}", n + 1).unwrap();
        all
    });
    host.write("/etc/postfix/main.cf", format!("{doubled}smtpd_tls_key_file = $v29000\n"));
    host.write("/etc/nginx/nginx.conf", "a{".repeat(400_000));
    host.write("/etc/inspircd/inspircd.conf", "<a ".repeat(300_000));
    host.write("/etc/prosody/prosody.cfg.lua", "a=[[".repeat(200_000));
    host.write("/etc/apache2/apache2.conf", "a \\\n".repeat(200_000));
    host.write("/etc/ldap/slapd.d/cn=config.ldif", "a\n b\n".repeat(150_000));
    let (_, coverage) = host.keys();
    assert!(!coverage.complete, "a name that cannot be expanded is a gap");
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn a_lying_length_and_a_cut_file_are_not_a_key() {
    let der = rcgen::KeyPair::generate().unwrap().serialize_der();
    assert!(private::key(&der, None, &[]).unwrap().spki.is_some());
    for length in 0..der.len() {
        let _ = private::keys_in(&der[..length], &[]);
    }
    assert_eq!(private::key(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 0], None, &[]), None);
    assert_eq!(private::key(&[0x30, 0x80, 2, 1, 0, 0, 0], None, &[]), None);
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let cut = pem.split("-----END").next().unwrap();
    assert_eq!(private::keys_in(cut.as_bytes(), &[])[0].note, Some("cut off"));
    let wrong = pem.replace("-----\nM", "-----\nA");
    assert_eq!(private::keys_in(wrong.as_bytes(), &[])[0].note, Some("not understood"));
    let begins = "-----BEGIN PRIVATE KEY-----\n".repeat(10_000);
    assert!(pem::blocks(&begins).len() <= 200);
}

#[test]
fn the_table_is_whole() {
    let table: table::Table = toml::from_str(include_str!("../services.toml")).unwrap();
    assert!(table.service.len() > 40 && table.folder.len() > 20);
    for service in &table.service {
        assert!(!service.name.is_empty() && service.name == service.name.to_lowercase());
        assert!(
            !service.files.is_empty() && service.files.iter().all(|f| f.starts_with('/')),
            "{}",
            service.name
        );
        let named = !service.key.is_empty() || !service.client_key.is_empty() || !service.both.is_empty();
        assert!(named || service.combined || service.inline, "{} names no key", service.name);
    }
    for folder in &table.folder {
        assert!(folder.keys.iter().all(|k| k.starts_with('/')), "{}", folder.name);
    }
}

#[test]
fn nested_variables_end() {
    let known = |name: &str| Some(if name == "a" { "$a$a" } else { "x" });
    assert_eq!(lines::expand("$a", &known), None);
    assert_eq!(lines::expand("/${b}/$(c)/$d.key", &known).as_deref(), Some("/x/x/x.key"));
    assert_eq!(lines::expand("$", &known), None);
    assert_eq!(lines::expand("${b", &known), None);
}

proptest! {
    #[test]
    fn no_parser_falls_over(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzz(&data);
    }

    #[test]
    fn no_parser_falls_over_text(which in 0_u8..12, text in "[-a-z0-9 =:;{}<>\\[\\]\"'$#\\\\\n/.*?!]{0,300}") {
        let mut data = vec![which];
        data.extend_from_slice(text.as_bytes());
        fuzz(&data);
    }

    #[test]
    fn a_key_with_one_changed_byte_does_no_harm(at in 0_usize..138, byte in any::<u8>()) {
        let mut der = vec![1];
        der.extend(key());
        if let Some(b) = der.get_mut(at + 1) {
            *b = byte;
        }
        fuzz(&der);
    }

    #[test]
    fn integers_are_written_as_they_are_read(bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
        let written = der::write_integer(&bytes);
        let read = der::Walk(&written).take(der::INTEGER).unwrap();
        prop_assert_eq!(der::magnitude(read.content), der::magnitude(&bytes));
        prop_assert!(read.content[0] < 0x80);
        prop_assert_eq!(read.whole.len(), written.len());
    }

    #[test]
    fn base64_is_read_as_it_is_written(bytes in proptest::collection::vec(any::<u8>(), 0..300), width in 1_usize..80) {
        let text = data_encoding::BASE64.encode(&bytes);
        let lines: Vec<String> = text.as_bytes().chunks(width).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\r\n"));
        let blocks = pem::blocks(&pem);
        prop_assert_eq!(&blocks[0].der[..], &bytes[..]);
    }
}

fn key() -> Vec<u8> {
    rcgen::KeyPair::generate().unwrap().serialize_der()
}
