//! Hosts files as a user meets them.

use crate::inventory::{Input, Loaded, Options, load};

fn read(text: impl AsRef<[u8]>) -> Loaded {
    let input = Input::Text { name: "h".into(), text: text.as_ref().into(), format: Some("hosts") };
    load(&[input], &[], &Options { partial: true, ..Options::default() }).unwrap_or_else(|e| panic!("{e}"))
}

fn services(loaded: &Loaded) -> Vec<String> {
    let each = loaded.services.iter();
    each.map(|s| format!("{} {:?} {:?}", s.display_port(), s.addresses, s.declared.tags)).collect()
}

fn notices(loaded: &Loaded) -> String {
    loaded.notices.iter().map(|notice| format!("{notice}\n")).collect()
}

#[test]
fn the_sample_gives_names_with_their_addresses() {
    let path = Input::Path(std::path::Path::new("inventory/hosts").into());
    let loaded = load(&[path], &[], &Options::default()).expect("the sample is known by its content");
    assert_eq!(loaded.bad, []);
    assert_eq!(
        services(&loaded),
        [
            "workstation.example.test:443 [127.0.1.1] [\"alias=workstation\"]",
            "web01.example.test:443 [192.0.2.11, 2001:db8::11] [\"alias=web01\"]",
            "www.example.test:443 [192.0.2.11] []",
            "mx1.example.test:443 [192.0.2.25] []",
        ]
    );
    let told = notices(&loaded);
    assert!(told.contains("6 of 11 entries left out: localhost and names like it"), "{told}");
    assert!(told.contains("2 of 11 entries left out: 0.0.0.0"), "{told}");
}

#[test]
fn a_bad_line_costs_itself_and_says_its_place() {
    let table = [
        ("192.0.2.300 a\n", "h:1:1: `192.0.2.300` is not an address"),
        ("fe80::1%eth0 a\n", "h:1:1: `fe80::1%eth0` is not an address"),
        ("192.0.2.0/24 a\n", "h:1:1: `192.0.2.0/24` is not one bare address"),
        ("192.0.2.1\n", "h:1:1: `192.0.2.1` has no name behind it"),
        ("192.0.2.1 b_ok a*b # x\n", "h:1:16: `a*b` is not a host name: a wildcard"),
        ("192.0.2.1 192.0.2.2\n", "h:1:11: `192.0.2.2` is an address"),
        ("a\0 b\n", "h:1:1: `a\\x00` is not an address"),
    ];
    for (text, expected) in table {
        let loaded = read(format!("{text}192.0.2.9 good\n"));
        let bad: Vec<String> = loaded.bad.iter().map(ToString::to_string).collect();
        assert!(bad.len() == 1 && bad[0].starts_with(expected), "{text}: {bad:?}");
        assert!(loaded.services.iter().any(|s| s.name.as_deref() == Some("good")), "{text}");
    }
}

#[test]
fn hostile_lines_are_bounded() {
    let long = format!("192.0.2.1 {}\n192.0.2.2 good\n", "a".repeat(10 << 20));
    let loaded = read(&long);
    assert_eq!((loaded.services.len(), loaded.bad.len()), (1, 1));
    let many: String = (0..300).map(|n| format!(" n{n}")).collect();
    let loaded = read(format!("192.0.2.1{many}\n"));
    assert_eq!((loaded.services.len(), loaded.bad.len()), (256, 44));
    let crlf = read("\u{feff}192.0.2.1 a\r\n192.0.2.2 b\r\n");
    assert_eq!((crlf.services.len(), crlf.bad.len()), (2, 0));
    let text = std::fs::read("inventory/hosts").expect("the sample");
    for end in 0..text.len() {
        crate::inventory::fuzz_format(&[b"H", &text[..end]].concat());
    }
}

#[test]
fn the_content_shows_it() {
    let detected = |text: &[u8]| (super::FORMAT.detect)(&super::Peek::new(text));
    assert!(detected(b"# x\n127.0.0.1 localhost\n") && detected(b"fe80::1%lo0 localhost\n::1 a\n"));
    for text in ["192.0.2.1\n192.0.2.2\n", "a b\n", "192.0.2.1, a\n", "192.0.2.1 ansible_host=x\n", ""] {
        assert!(!detected(text.as_bytes()), "{text}");
    }
    for name in [
        "services.csv",
        "secrets.csv",
        "hosts.txt",
        "ssh_config",
        "example.test.zone",
        "example.test.zone.compiled",
    ] {
        assert!(!detected(&std::fs::read(format!("inventory/{name}")).expect("a sample")), "{name}");
    }
}
