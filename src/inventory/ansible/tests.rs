use crate::{
    inventory::{
        Input, Loaded, Options,
        format::{TextFile, by_content},
        load,
    },
    model::service::Service,
};

fn text(format: &'static str, text: &str) -> Loaded {
    try_text(format, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn try_text(format: &'static str, text: &str) -> Result<Loaded, String> {
    let input = Input::Text { name: "t".to_owned(), text: text.as_bytes().to_vec(), format: Some(format) };
    let options = Options { partial: true, ..Options::default() };
    load(&[input], &[], &options).map_err(|error| error.to_string())
}

fn one_line(service: &Service) -> String {
    let name = service.name.as_deref().unwrap_or("-");
    let addresses: Vec<_> = service.addresses.iter().map(ToString::to_string).collect();
    let declared = &service.declared;
    format!(
        "{name} {} {} {} {} {}",
        addresses.join(","),
        service.port,
        service.wrap,
        declared.owner.as_deref().unwrap_or("-"),
        declared.env.as_deref().unwrap_or("-")
    )
}

fn lines(loaded: &Loaded) -> Vec<String> {
    let mut all: Vec<_> = loaded.services.iter().map(one_line).collect();
    all.sort_unstable();
    all
}

fn tags(loaded: &Loaded, name: &str) -> String {
    let found = loaded.services.iter().find(|s| s.name.as_deref() == Some(name));
    found.map_or_else(String::new, |s| s.declared.tags.join(" "))
}

fn notices(loaded: &Loaded) -> String {
    loaded.notices.iter().map(|n| n.message.as_str()).collect::<Vec<_>>().join("\n")
}

/// The five samples say the same of the hosts that they share.
#[test]
fn the_samples_load_with_every_trap() {
    let load_file = |path: &str| {
        let loaded = load(&[Input::Path(path.into())], &[], &Options::default());
        loaded.unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let web = [
        "bastion.example.test  443 tls - -",
        "mx1.example.test 192.0.2.25 443 tls - prod",
        "web01.example.test 192.0.2.11 443 tls - prod",
        "web02.example.test 192.0.2.11 443 tls - prod",
        "web09.example.test 192.0.2.19 443 tls team-web prod",
        "web09.example.test 192.0.2.19 8443 tls team-web prod",
    ];
    let turn = [
        "turn1.example.test 192.0.2.34 5349 dtls team-rtc -",
        "turn1.example.test 192.0.2.34 5349 tls team-rtc -",
    ];
    let mut both = web.to_vec();
    both.extend(turn);
    both.sort_unstable();
    let ini = load_file("inventory/ansible-hosts.ini");
    assert_eq!(lines(&ini), web);
    assert_eq!(tags(&ini, "web01.example.test"), "group=prod group=web");
    assert_eq!(tags(&ini, "bastion.example.test"), "", "ungrouped is no group");
    let web09 = ini.services.iter().find(|s| s.port == 8443).unwrap();
    assert_eq!(web09.sources[0].to_string(), "inventory/ansible-hosts.ini:5 (web/web09.example.test)");
    assert_eq!(&*web09.sources[0].format, "ansible-ini");
    let yaml = load_file("inventory/ansible-hosts.yml");
    assert_eq!(lines(&yaml), turn);
    assert_eq!(yaml.services[0].sources[0].line, 5);
    assert_eq!(yaml.services[0].declared.service_type.as_deref(), Some("coturn"));
    let json = load_file("inventory/ansible-list.json");
    assert_eq!(lines(&json), both, "bastion has no variables and is there");
    assert_eq!(&*json.services[0].sources[0].format, "ansible-json");
    assert_eq!(lines(&load_file("inventory/ansible-list.yml")), both);
    let edge = load_file("inventory/ansible-edge.ini");
    assert_eq!(lines(&edge), ["- 2001:db8::5 443 tls - -", "h1  443 tls - -", "q.example.test  443 tls - -"]);
    assert_eq!(tags(&edge, "h1"), "group=g flag=yes raw=0443 ver=1.0");
    assert!(notices(&edge).contains("1 of 4 hosts are left out: ansible_connection is local"));
}

#[test]
fn the_content_tells_the_forms_apart() {
    let table = [
        ("[web]\nweb01\n", "ansible-ini"),
        ("; x\nbastion ansible_host=192.0.2.1\n", "ansible-ini"),
        ("web[01:10].example.test\n", "ansible-ini"),
        ("name,port\nb;[2001:db8::1]:993,1\n", "csv"),
        ("[2001:db8::1]:443\n", "list"),
        ("[2001:db8::1]\n", "list"),
        ("[core]\n  editor = vi\n", "list"),
        ("all:\n  hosts:\n    web01:\n", "ansible-yaml"),
        ("# x\n---\nempty: {}\nweb:\n  vars: {a: 1}\n", "ansible-yaml"),
        ("{\"_meta\": {\"hostvars\": {}}}", "ansible-json"),
        ("{\"all\": [\"web01\"]}", "ansible-json"),
    ];
    for (text, want) in table {
        let file = TextFile { name: "t".into(), text: text.as_bytes(), folder: None };
        assert_eq!(by_content(&file).map_or("refused", |f| f.name), want, "{text}");
    }
    for text in ["- hosts: all\n  tasks: []\n", "version: 3\nservices:\n  hosts: 1\n"] {
        let file = TextFile { name: "t".into(), text: text.as_bytes(), folder: None };
        assert_ne!(by_content(&file).map_or("refused", |f| f.name), "ansible-yaml", "{text}");
    }
}

#[test]
fn ranges_are_written_out_or_refused() {
    let table: &[(&str, &[&str])] = &[
        ("web[01:03].example.test", &["web01", "web02", "web03"]),
        ("web[1:10:4].example.test", &["web1", "web5", "web9"]),
        ("web[b:d].example.test", &["webb", "webc", "webd"]),
        ("w[0:1]-[a:b].example.test", &["w0-a", "w0-b", "w1-a", "w1-b"]),
        ("w[:1].example.test:2222", &["w0", "w1"]),
    ];
    for (pattern, want) in table {
        let loaded = text("ansible-ini", pattern);
        let names: Vec<_> = loaded.services.iter().filter_map(|s| s.name.as_deref()).collect();
        let want: Vec<_> = want.iter().map(|name| format!("{name}.example.test")).collect();
        assert_eq!(names, want, "{pattern}");
        assert!(loaded.services.iter().all(|s| s.port == 443), "2222 is SSH");
    }
    for bad in ["h[1]", "h[3:1]", "h[01:100]", "h[1:2", "h[1:2:0]", "h[a:2]", "h[1:99999999999999999999999]"]
    {
        let error = try_text("ansible-ini", &format!("ok.example.test\n  {bad} x=1\n")).unwrap();
        assert_eq!((error.bad.len(), error.services.len()), (1, 1), "{bad}");
        assert_eq!((error.bad[0].line, error.bad[0].column), (2, 3), "{bad}");
    }
    for huge in [
        "h[1:999999999]",
        "h[0:9][0:9][0:9][0:9][0:9][0:9][0:9]",
        "h[1:9999][1:9999][1:9999][1:9999][1:9999]",
    ] {
        for (format, body) in
            [("ansible-ini", huge.to_owned()), ("ansible-yaml", format!("all:\n  hosts:\n    \"{huge}\":\n"))]
        {
            let error = try_text(format, &body).unwrap_err();
            assert!(error.contains("more than 1048576 hosts"), "{error}");
        }
    }
}

#[test]
fn variables_win_in_ansibles_order() {
    let ini = "[a]\nh1 owner=host\nh2\nh3\n[b]\nh2\n[top:children]\na\n[top:vars]\nowner=top\nenv=top env # 1\n[a:vars]\nowner=a\n[b:vars]\nowner=b\n[all:vars]\nowner=all\nsite=s\n";
    let loaded = text("ansible-ini", ini);
    // `a` is deeper than `b`, so it wins.
    assert_eq!(
        lines(&loaded),
        ["h1  443 tls host top env # 1", "h2  443 tls a top env # 1", "h3  443 tls a top env # 1"]
    );
    let equal = text("ansible-ini", "[b]\nh\n[a]\nh\n[a:vars]\nowner=a\n[b:vars]\nowner=b\n");
    assert_eq!(lines(&equal), ["h  443 tls b -"], "the later name of one depth");
    let by_priority = text(
        "ansible-ini",
        "[b]\nh\n[a]\nh\n[a:vars]\nowner=a\nansible_group_priority=10\n[b:vars]\nowner=b\n",
    );
    assert_eq!(lines(&by_priority), ["h  443 tls a -"]);
}

#[test]
fn hosts_ports_and_words_of_ours() {
    let table = [
        ("w ansible_host=web.example.test", "web.example.test  443 tls - -"),
        ("w ansible_ssh_host=192.0.2.7", "w 192.0.2.7 443 tls - -"),
        ("192.0.2.5 ansible_host=192.0.2.7", "- 192.0.2.7 443 tls - -"),
        ("'my web' ansible_host=192.0.2.7", "- 192.0.2.7 443 tls - -"),
        ("w ansible_host='{{ inventory_hostname }}.example.test'", "w  443 tls - -"),
        ("w port=8080 ansible_port=22 tls_ports=8443", "w  8443 tls - -"),
        ("w tls_ports=0443", "w  443 tls - -"),
        ("w tls_ports=[8443]", "w  8443 tls - -"),
        ("w tls_ports=8443 allclear_tls_ports=9443 owner=x allclear_owner=y", "w  9443 tls y -"),
        ("w exposure=high owner=x", "w  443 tls x -"),
        ("w tls_services=\"[{'port': 25, 'proto': 'smtp', 'owner': 'mail'}]\"", "w  25 starttls-smtp mail -"),
        ("w owner=\"a b\" env='p#1'", "w  443 tls a b p#1"),
        ("w owner=ops # env=x", "w  443 tls ops -"),
        ("w owner='\"quoted\"'", "w  443 tls quoted -"),
    ];
    for (line, want) in table {
        assert_eq!(lines(&text("ansible-ini", line)), [want], "{line}");
    }
    assert_eq!(
        tags(&text("ansible-ini", "w ansible_host=web.example.test"), "web.example.test"),
        "ansible=w"
    );
    let loaded = text(
        "ansible-ini",
        "a tls_ports=[]\nb ansible_host={{x}}\nc db_password=hunter2 rack=1\nd exposure=high\n",
    );
    assert_eq!(loaded.services.len(), 3);
    let said = notices(&loaded);
    for part in [
        "1 of 4 hosts are left out: their list",
        "ansible_host of `b` is a template",
        "1 variables became no tags",
        "exposure of `d`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(tags(&loaded, "c"), "rack=1");
    assert!(!format!("{loaded:?}").contains("hunter2"));
    for bad in [
        "w tls_ports=x",
        "w allclear_exposure=high",
        "w x",
        "w a='b",
        "w tls_services=\"[{'port':1,'proto':'ipx'}]\"",
    ] {
        assert_eq!(try_text("ansible-ini", &format!("ok\n{bad}\n")).map(|l| l.bad.len()), Ok(1), "{bad}");
    }
}

#[test]
fn wrong_sections_and_forms_are_refused_with_their_place() {
    let table = [
        ("ansible-ini", "[web]\na\n [web:x]\n", "t:3:2"),
        ("ansible-ini", "[we b]\na\n", "t:1:1"),
        ("ansible-yaml", "plugin: aws_ec2\n", "plugin"),
        ("ansible-yaml", "- hosts: all\n", "a list"),
        ("ansible-json", "[1]", "a list"),
        ("ansible-yaml", "all:\n\thosts:\n", "not YAML"),
    ];
    for (format, body, want) in table {
        let error = try_text(format, body).unwrap_err();
        assert!(error.contains(want), "{error}");
    }
    let loaded = text("ansible-ini", "[p:children]\nnone\n[q:vars]\na=b\n[w]\nh\n");
    let bad: Vec<_> = loaded.bad.iter().map(ToString::to_string).collect();
    assert!(bad.len() == 2 && bad.iter().any(|b| b.starts_with("t:2:1: `none` is no group")), "{bad:?}");
}

#[test]
fn json_of_old_scripts_and_exports() {
    let old = "{\"web\": [\"a\", \"b\"], \"all\": {\"vars\": {\"owner\": \"all\"}}, \"up\": {\"children\": [\"web\"], \"vars\": {\"env\": \"prod\"}}, \"_meta\": {\"hostvars\": {\"b\": {\"owner\": {\"__ansible_unsafe\": \"b\"}, \"v\": {\"__ansible_vault\": \"x\"}}}}}";
    let loaded = text("ansible-json", old);
    assert_eq!(lines(&loaded), ["a  443 tls all prod", "b  443 tls b prod"]);
    assert!(notices(&loaded).contains("vaulted values are not read: 1"));
}

#[test]
fn cycles_and_crowds_end() {
    let cycle = text("ansible-ini", "[a:children]\nb\n[b:children]\nc\nall\n[c:children]\na\nc\n[c]\nh\n");
    assert_eq!((cycle.services.len(), cycle.bad.len()), (1, 3), "{:?}", cycle.bad);
    assert!(cycle.bad.iter().all(|b| b.message.contains("cannot be in")));
    let mut chain = String::from("other\n[g0]\nh\n");
    for n in 1..100_000 {
        chain.push_str(&format!("[g{n}:children]\ng{}\n", n - 1));
    }
    let loaded = text("ansible-ini", &chain);
    assert!(
        loaded.bad.len() == 1 && loaded.bad[0].message.contains("more than 256 groups"),
        "{:?}",
        loaded.bad
    );
    let wide: String = (0..20_000).map(|n| format!("[g{n}]\nh{n}\n")).collect();
    assert_eq!(text("ansible-ini", &wide).services.len(), 20_000);
    let deep: String = (0..1000)
        .map(|n| format!("{}g{n}:\n{}children:\n", "  ".repeat(2 * n), "  ".repeat(2 * n + 1)))
        .collect();
    assert!(try_text("ansible-yaml", &deep).unwrap_err().contains("deep"));
}

#[test]
fn files_that_are_cut_or_wild_do_no_harm() {
    let samples = [
        ("ansible-ini", std::fs::read("inventory/ansible-hosts.ini").unwrap()),
        ("ansible-ini", std::fs::read("inventory/ansible-edge.ini").unwrap()),
        ("ansible-yaml", std::fs::read("inventory/ansible-hosts.yml").unwrap()),
        ("ansible-json", std::fs::read("inventory/ansible-list.json").unwrap()),
    ];
    let options = Options { partial: true, ..Options::default() };
    let raw = |format, bytes: Vec<u8>| {
        load(&[Input::Text { name: "t".to_owned(), text: bytes, format: Some(format) }], &[], &options)
    };
    for (format, sample) in &samples {
        for end in 0..sample.len() {
            let _ = raw(format, sample[..end].to_vec());
        }
        let _ = raw(format, [b"\0".as_slice(), sample].concat());
        let _ = raw(format, sample.iter().map(|b| b | 0x80).collect());
        assert_eq!(raw(format, [b"\xef\xbb\xbf".as_slice(), sample].concat()).unwrap().bad, [], "{format}");
        let crlf = String::from_utf8(sample.clone()).unwrap().replace('\n', "\r\n");
        assert_eq!(
            lines(&raw(format, crlf.into_bytes()).unwrap()),
            lines(&raw(format, sample.clone()).unwrap()),
            "{format}"
        );
    }
    let long = format!("h {}\nok\n", "x=1 ".repeat(3_000_000));
    let loaded = text("ansible-ini", &long);
    assert_eq!((loaded.services.len(), loaded.bad.len()), (1, 1));
    let brackets = format!("h x={}\n", "[".repeat(500_000));
    assert_eq!(text("ansible-ini", &brackets).services.len(), 1);
}

#[test]
fn folders_beside_the_file_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join("inv").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("hosts", "[web]\na owner=ini\nb\n[web:vars]\nenv=ini\nsite=ini\n");
    write("group_vars/all.yml", "env: all\nowner: all\n");
    write(
        "group_vars/web/one.yml",
        "owner: web\ntls_ports: [8443]\nkey: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  61\n",
    );
    write("group_vars/web/vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n3132\n");
    write("group_vars/web/.hidden.yml", "owner: hidden\n");
    write("group_vars/other.yml", "[not read, since no group has this name");
    write("host_vars/b.yaml", "owner: b\n");
    write("host_vars/a.yml", "a: [\n");
    std::fs::write(folder.path().join("out.yml"), "owner: outside\n").unwrap();
    std::os::unix::fs::symlink("../../../out.yml", folder.path().join("inv/group_vars/web/z.yml")).unwrap();
    let loaded = load(&[Input::Path(folder.path().join("inv/hosts"))], &[], &Options::default()).unwrap();
    assert_eq!(lines(&loaded), ["a  8443 tls ini all", "b  8443 tls b all"]);
    assert_eq!(loaded.services[0].declared.site.as_deref(), Some("ini"));
    assert!(loaded.bad.len() == 1 && loaded.bad[0].file.ends_with("host_vars/a.yml"), "{:?}", loaded.bad);
    let said = notices(&loaded);
    assert!(said.contains("are not read: files: 1, values: 1"), "{said}");
    assert!(said.contains("1 entries of group_vars"), "{said}");
}

#[test]
fn a_control_character_makes_a_line_of_an_ini_bad_and_nothing_else() {
    let loaded = text("ansible-ini", "[web]\na.test\nb.test tls_p\0orts=8443\nc.test\ttls_ports=9443\n");
    assert_eq!(lines(&loaded), ["a.test  443 tls - -", "c.test  9443 tls - -"]);
    assert_eq!((loaded.bad.len(), loaded.bad[0].line), (1, 3));
}

#[test]
fn what_may_be_a_password_becomes_no_tag() {
    let loaded = text("ansible-ini", "a.test pgpass=one db_passwd=two ldap_pass=three rack=7\n");
    assert_eq!(tags(&loaded, "a.test"), "rack=7");
}
