//! Known hosts as a user meets them.

use crate::inventory::{Input, Loaded, Options, load};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA";

fn read(text: impl AsRef<[u8]>) -> Loaded {
    let input = Input::Text { name: "k".into(), text: text.as_ref().into(), format: Some("known-hosts") };
    load(&[input], &[], &Options { partial: true, ..Options::default() }).unwrap_or_else(|e| panic!("{e}"))
}

fn services(loaded: &Loaded) -> Vec<String> {
    let each = loaded.services.iter();
    each.map(|s| format!("{} {:?} {:?}", s.display_port(), s.addresses, s.declared.tags)).collect()
}

#[test]
fn the_sample_gives_hosts_and_no_key() {
    let path = Input::Path(std::path::Path::new("inventory/known_hosts").into());
    let loaded = load(&[path], &[], &Options::default()).expect("the sample is known by its content");
    assert_eq!(loaded.bad, []);
    assert_eq!(
        services(&loaded),
        [
            "web01.example.test:443 [192.0.2.11] [\"alias=web01\"]",
            "bastion.example.test:443 [2001:db8::22] [\"ssh-port=2222\"]",
            "git.example.test:443 [] []",
            "192.0.2.34:443 [192.0.2.34] []",
        ]
    );
    let told: String = loaded.notices.iter().map(|notice| format!("{notice}\n")).collect();
    for part in [
        "1 of 12 hosts left out: they are hashed and cannot be read back",
        "2 of 12 hosts left out: wildcards",
        "1 of 12 hosts left out: the line revokes",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!format!("{loaded:?}").contains("AAAA"), "no key is kept");
}

#[test]
fn lines_are_read_as_openssh_writes_them() {
    let table: &[(&str, &[&str], usize)] = &[
        ("a 1024 35 1234567\n", &["a"], 0),
        ("[::1]:2222 KEY\n", &["::1"], 0),
        ("a,[b]:22,c KEY a comment\n", &["a", "b", "c"], 0),
        ("localhost,a KEY\n", &["a"], 0),
        ("[a]:0,b KEY\n", &["b"], 1),
        ("[a KEY\n", &[], 1),
        ("no line of this\n", &[], 1),
        ("a_ok,x!y KEY\n", &["a_ok"], 1),
        ("\0 KEY\n", &[], 1),
    ];
    for (text, names, bad) in table {
        let loaded = read(format!("{}good {KEY}\n", text.replace("KEY", KEY)));
        let got: Vec<String> = loaded
            .services
            .iter()
            .map(crate::model::service::Service::display_name)
            .filter(|n| n != "good")
            .collect();
        assert_eq!(
            (got.as_slice(), loaded.bad.len()),
            (names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>().as_slice(), *bad),
            "{text}"
        );
    }
    let long = format!("{} {KEY}\ngood {KEY}\n", "a,".repeat(5 << 20));
    let loaded = read(&long);
    assert_eq!((loaded.services.len(), loaded.bad.len()), (1, 1));
    let text = std::fs::read("inventory/known_hosts").expect("the sample");
    for end in 0..text.len() {
        crate::inventory::fuzz_format(&[b"O", &text[..end]].concat());
    }
}

#[test]
fn the_content_shows_it() {
    let detected = |text: &[u8]| (super::FORMAT.detect)(&super::Peek::new(text));
    assert!(detected(format!("# x\n@cert-authority * {KEY}\n").as_bytes()));
    assert!(!detected(b"a ssh-rsa\n") && !detected(b""));
    for name in ["services.csv", "secrets.csv", "hosts.txt", "hosts", "ssh_config", "example.test.zone"] {
        assert!(!detected(&std::fs::read(format!("inventory/{name}")).expect("a sample")), "{name}");
    }
}
