//! Ansible itself reads tricky inventories, and what is read of the raw files here says the same.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use allclear::inventory::{Input, Options, load};

use crate::support::{
    Work,
    peers::{self, need},
};

/// Files of one inventory; the first one is the inventory.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    (
        "ranges, ports and quotes",
        &[(
            "hosts.ini",
            "bastion.example.test:2222 owner='a b'\nweb[01:05:2].example.test owner=ops\nx[a:c].example.test\n\
             n[8:11]-[0:1].example.test\n\"q.example.test\" owner=\"q # q\" env=a#b\n[six]\n[2001:db8::5]:2222\n\
             2001:db8::6 owner=six\n[g]\nalias ansible_host=alias.example.test\nb ansible_host=192.0.2.9\n",
        )],
    ),
    (
        "types",
        &[(
            "hosts.ini",
            "[g]\na tls_ports='[443,8443]' owner=yes\nb tls_ports=443,8443 owner=0443\nc tls_ports=[443] owner=True\n\
             d tls_ports=\"('443', 0x1bb, 9443,)\" owner=None\ne tls_services=\"[{'port': 25, 'proto': 'smtp'}, {'port': 465}]\"\n\
             f owner=\"'it''s'\" env='\"x\"'\ng1 owner=a\\ b env=\"a\\\\b\"\nh owner=1_000 env=10.0.0.1\n\
             i owner=\"'open\" env=\"[1, 2\"\n[g:vars]\nsite=a b c # d\nzone = 7 # a comment\n",
        )],
    ),
    (
        "precedence in INI",
        &[(
            "hosts.ini",
            "[web]\na\nb owner=b\n[db]\na\nc\n[prod:children]\nweb\n[top:children]\nprod\ndb\n[all:vars]\nowner=all\nenv=all\n\
             [top:vars]\nowner=top\nenv=top\n[prod:vars]\nowner=prod\n[db:vars]\nowner=db\nenv=db\n[web]\nd\n",
        )],
    ),
    (
        "priority",
        &[("hosts.ini", "[x]\na\n[y]\na\n[x:vars]\nowner=x\nansible_group_priority=5\n[y:vars]\nowner=y\n")],
    ),
    (
        "folders win over the file",
        &[
            (
                "hosts.ini",
                "u\n[web]\na owner=ini\nb\n[web:vars]\nowner=web-ini\nenv=web-ini\n[all:vars]\nenv=all-ini\n",
            ),
            ("group_vars/all.yml", "env: all-file\nowner: all-file\n"),
            ("group_vars/web/b.yml", "owner: second\n"),
            ("group_vars/web/a.yml", "owner: first\ntls_ports: [8443, '9443']\n"),
            ("group_vars/web.yml", "owner: never\n"),
            ("group_vars/ungrouped", "owner: nobody\n"),
            ("host_vars/b.json", "{\"owner\": \"host-file\"}"),
            ("host_vars/a.yaml", "env: host-file\n"),
        ],
    ),
    (
        "YAML",
        &[
            (
                "hosts.yml",
                "all:\n  vars: {owner: all}\n  hosts:\n    lone:\n    web[01:03].example.test: {env: range}\n  children:\n    \
                 prod:\n      vars: {owner: prod, env: prod}\n      children:\n        turn:\n          hosts:\n            \
                 turn1.example.test:\n              ansible_host: 192.0.2.34\n              tls_services:\n                \
                 - {port: 5349, proto: tls, app: coturn}\n                - {port: 5349, proto: dtls, app: coturn}\n          \
                 vars: &t {owner: team-rtc}\n        more:\n          hosts:\n            turn1.example.test:\n            \
                 \"[2001:db8::7]:22\":\n          vars:\n            <<: *t\n            env: \"0443\"\nside:\n  hosts:\n    \
                 web01.example.test:\n      tls_ports: 8443\n    side.example.test:\n      owner: \"no\"\n",
            ),
            ("group_vars/side.yml", "env: side\n"),
        ],
    ),
];

fn ours(path: &Path) -> BTreeSet<String> {
    let loaded = load(&[Input::Path(path.to_path_buf())], &[], &Options::default())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(loaded.bad.is_empty(), "{:?}", loaded.bad);
    let line = |s: &allclear::model::service::Service| {
        let d = &s.declared;
        let mut tags: Vec<_> = d.tags.iter().filter(|tag| tag.starts_with("group=")).collect();
        tags.sort();
        let words = (&d.owner, &d.env, &d.site, &d.zone, &d.service_type, tags);
        format!("{:?} {:?} {} {} {words:?}", s.name, s.addresses, s.port, s.wrap)
    };
    loaded.services.iter().map(line).collect()
}

#[test]
fn raw_inventories_read_as_ansible_reads_them() {
    let ansible = need!(peers::ansible("ansible-inventory"));
    let work = Work::new();
    for (number, (what, files)) in CASES.iter().enumerate() {
        let folder = work.path(&format!("case{number}"));
        for (name, text) in *files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let (raw, listed) = (folder.join(files[0].0), folder.join("list.json"));
        let output = Command::new(&ansible)
            .env_clear()
            .envs([("LC_ALL", "C.UTF-8"), ("PATH", "/usr/bin:/bin"), ("ANSIBLE_LOCALHOST_WARNING", "False")])
            .env("HOME", work.folder())
            .env("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "True")
            .current_dir(work.folder())
            .arg("-i")
            .arg(&raw)
            .arg("--list")
            .output()
            .expect("started");
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(&listed, &output.stdout).expect("written");
        let (raw, listed) = (ours(&raw), ours(&listed));
        assert!(!raw.is_empty(), "{what}");
        assert_eq!(raw, listed, "{what}");
    }
}
