//! SSH configurations as a user meets them.

use crate::inventory::{Input, Loaded, Options, load};

fn options() -> Options {
    Options { partial: true, ..Options::default() }
}

fn read(text: impl AsRef<[u8]>) -> Loaded {
    let input = Input::Text { name: "s".into(), text: text.as_ref().into(), format: Some("ssh-config") };
    load(&[input], &[], &options()).unwrap_or_else(|e| panic!("{e}"))
}

fn services(loaded: &Loaded) -> Vec<String> {
    let each = loaded.services.iter();
    each.map(|s| format!("{} {:?} {:?}", s.display_name(), s.addresses, s.declared.tags)).collect()
}

fn notices(loaded: &Loaded) -> String {
    loaded.notices.iter().map(|notice| format!("{notice}\n")).collect()
}

#[test]
fn the_sample_gives_hosts_with_their_names_and_ways() {
    let path = Input::Path(std::path::Path::new("inventory/ssh_config").into());
    let loaded = load(&[path], &[], &Options::default()).expect("the sample is known by its content");
    assert_eq!(loaded.bad, []);
    assert_eq!(
        services(&loaded),
        [
            "bastion.example.test [] [\"alias=bastion\", \"ssh-port=2222\"]",
            "web01.example.test [] [\"alias=web01\", \"jump=bastion\"]",
            "web02.example.test [] [\"alias=web02\", \"jump=bastion\"]",
            "db01 [192.0.2.31] [\"jump=bastion.example.test\"]",
            "shop.example.test [] [\"ssh-port=2022\"]",
            "mail.example.test [] []",
        ]
    );
    assert!(loaded.services.iter().all(|s| s.port == 443), "the ports of SSH are none of TLS");
    let told = notices(&loaded);
    for part in [
        "2 of 10 patterns and blocks left out: a pattern with a wildcard",
        "1 of 10 patterns and blocks left out: a negated",
        "1 of 10 patterns and blocks left out: what `Match` asks",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn the_first_value_stands() {
    let table: &[(&str, &[&str])] = &[
        ("Host a\nHostName x.test\nHostName y.test\n", &["x.test [] [\"alias=a\"]"]),
        ("Host *\nPort 2022\nHost a\nPort 2222\n", &["a [] [\"ssh-port=2022\"]"]),
        ("Port 2022\nHost a\nPort 22\n", &["a [] [\"ssh-port=2022\"]"]),
        ("Host a\nPort 22\nHost *\nPort 2022\n", &["a [] []"]),
        ("Host a b\nHost a\nHostName 192.0.2.1\n", &["a [192.0.2.1] []", "b [] []"]),
        ("Host * !a\nHostName x.test\nHost a\n", &["a [] []"]),
        ("HOST=a\nhostname = \"x.test\" # note\n", &["x.test [] [\"alias=a\"]"]),
        ("Host \"a\" # b\n", &["a [] []"]),
        ("Host a\nHostName %h.x.test\n", &["a.x.test [] [\"alias=a\"]"]),
        ("Host a\nProxyJump none\nHost *\nProxyJump u@j:22,ssh://k\n", &["a [] []"]),
        ("Host a\nProxyJump u@j:22,ssh://v@[2001:db8::1]:22\n", &["a [] [\"jump=j,[2001:db8::1]\"]"]),
        ("Host a\nProxyCommand nc --password 'x %h\n", &["a [] [\"jump=proxy-command\"]"]),
        ("Host localhost a\n", &["a [] []"]),
        ("Host 192.0.2.7\n", &["192.0.2.7 [192.0.2.7] []"]),
        ("Match all\nPort 2022\nHost a\n", &["a [] []"]),
    ];
    for (text, expected) in table {
        let loaded = read(text);
        assert_eq!(
            (services(&loaded).as_slice(), loaded.bad.as_slice()),
            (expected.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>().as_slice(), [].as_slice()),
            "{text}"
        );
    }
}

#[test]
fn bad_lines_are_told_and_the_rest_is_read() {
    let table = [
        ("Host \"a\n", "s:1:1: `host` has a quote that is not closed"),
        ("Host\n", "s:1:1: `host` has no argument"),
        ("!? x\n", "s:1:1: this line has no keyword"),
        ("Host a\nPort x\n", "s:1:1: `x` is not a port"),
        ("Host a\nHostName %p\n", "s:1:1: HostName `%p` has a `%`"),
        ("Host a/b\n", "s:1:1: `a/b` is not a host name"),
        ("Host a\0b\n", "s:1:1: `a\\x00b` is not a host name"),
    ];
    for (text, expected) in table {
        let loaded = read(format!("{text}Host good\n"));
        let bad: Vec<String> = loaded.bad.iter().map(ToString::to_string).collect();
        assert!(bad.len() == 1 && bad[0].starts_with(expected), "{text}: {bad:?}");
        assert!(loaded.services.iter().any(|s| s.name.as_deref() == Some("good")), "{text}");
    }
}

#[test]
fn included_files_count_under_the_host_that_includes_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    std::fs::create_dir(folder.path().join("d")).expect("a folder");
    write(
        "config",
        "Include d/*.conf ~/.ssh/more\nHost x\nInclude inner\nPort 2022\nHost z\nInclude config\n",
    );
    write("d/1.conf", "Host a\nHostName 192.0.2.1\n");
    write("d/2.conf", "Host a\nHostName 192.0.2.2\nHost b\n");
    write("d/3.txt", "Host never\n");
    write("more", "Host c\n");
    write("inner", "HostName 192.0.2.9\nHost x z\nPort 2222\n");
    let loaded =
        load(&[Input::Path(folder.path().join("config"))], &[], &options()).expect("a configuration");
    assert_eq!(
        services(&loaded),
        ["a [192.0.2.1] []", "b [] []", "c [] []", "x [192.0.2.9] [\"ssh-port=2222\"]", "z [] []",]
    );
    assert!(
        notices(&loaded).contains("1 of 5 included files left out: it includes itself (`config`)"),
        "{}",
        notices(&loaded)
    );
}

#[test]
fn hostile_texts_are_bounded() {
    let began = std::time::Instant::now();
    let long = format!("Host {}\nHost good\n", "a ".repeat(5 << 20));
    let loaded = read(&long);
    assert_eq!((loaded.services.len(), loaded.bad.len()), (1, 1));
    let wild: String = (0..20_000).map(|n| format!("Host h{n} *{n}\nPort 2022\n")).collect();
    let loaded = read(&wild);
    assert!(loaded.services.len() == 20_000 && notices(&loaded).contains("more wildcards"));
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    let text = std::fs::read("inventory/ssh_config").expect("the sample");
    for end in 0..text.len() {
        crate::inventory::fuzz_format(&[b"S", &text[..end]].concat());
    }
}

#[test]
fn the_content_shows_it() {
    let detected = |text: &[u8]| (super::FORMAT.detect)(&super::Peek::new(text));
    for text in ["Host a\n", "# x\nIdentityFile=~/.ssh/id\nhost *\n", "Include config.d/*\n"] {
        assert!(detected(text.as_bytes()), "{text}");
    }
    for text in [
        "host\nweb01\n",
        "host port\nweb01 443\nweb02 443\nweb03 443\n",
        "Port 22\nPermitRootLogin no\n",
        "host,port\na,1\n",
        "",
    ] {
        assert!(!detected(text.as_bytes()), "{text}");
    }
    for name in ["services.csv", "secrets.csv", "hosts.txt", "hosts", "known_hosts", "example.test.zone"] {
        assert!(!detected(&std::fs::read(format!("inventory/{name}")).expect("a sample")), "{name}");
    }
}
