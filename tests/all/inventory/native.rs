//! The native formats as a user meets them: listing and reading back, scopes, annotations, the schema in a real
//! validator, and the hook in a real pre-commit.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::support::{
    HANG, Work,
    listen::{Listener, Manner},
    peers,
    peers::need,
    run_with_limit,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn what_a_list_prints_is_an_inventory_again() {
    let work = Work::new();
    let sample = Path::new(ROOT).join("inventory/services.yaml");
    let listed = work.ok(&["inventory", "list", "--jsonl", sample.to_str().unwrap()]);
    work.write("again.jsonl", &listed.stdout);
    let again = work.ok(&["inventory", "list", "--jsonl", "again.jsonl"]);
    let kept = |rows: Vec<Value>| -> Vec<Value> {
        let mut rows = rows;
        for row in &mut rows {
            row.as_object_mut()
                .unwrap()
                .retain(|key, _| !["sources", "secrets", "derived"].contains(&key.as_str()));
        }
        rows
    };
    assert_eq!(kept(listed.rows()), kept(again.rows()));
    assert_eq!(again.rows().len(), 14);
    assert_eq!(again.rows()[0]["sources"][0]["format"], "jsonl");
}

#[test]
fn a_scope_of_the_inventory_is_in_force_and_is_named() {
    let work = Work::new();
    work.write(
        "all.yaml",
        "services:\n- {address: 127.66.9.0/30, port: 9}\n- {name: web01, address: 127.66.9.9, port: 9}\n\
         scope: {allow: [127.66.9.0/31, web01], exclude: [127.66.9.1, web01]}\n",
    );
    // A file of an excluded name's own is no list of exclusions.
    work.write("web01", "127.66.9.0\n");
    let ended = work.ok(&["sweep", "all.yaml", "--dry-run"]);
    let fates: Vec<String> =
        ended.out().lines().map(|l| l.split('\t').take(2).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "probe 127.66.9.0",
        "skip (excluded) 127.66.9.1",
        "skip (out-of-scope) 127.66.9.2",
        "skip (out-of-scope) 127.66.9.3",
    ];
    assert_eq!(fates[..4], expected, "{}", ended.out());
    assert!(fates[4].starts_with("skip (excluded)"), "{}", ended.out());
    assert_eq!(ended.err().matches("scope of all.yaml").count(), 1, "{}", ended.err());
    work.write("wide.txt", "127.66.9.0/24\n");
    let wider = work.ok(&["sweep", "all.yaml", "--dry-run", "--scope", "wide.txt"]);
    assert_eq!(wider.out().matches("probe\t").count(), 3, "exclusions stay: {}", wider.out());
    assert!(wider.err().contains("scope of all.yaml is not used"), "{}", wider.err());
}

#[test]
fn annotations_point_at_the_line_and_the_summary_stays() {
    let work = Work::new();
    work.write(
        "a,b%.csv",
        "name,port,owner,wrap\nweb,443,ops,\nweb,443,dev,\nmail,no%port,ops,\ndb,5432,ops,tls\n",
    );
    let ended = work.run(&["inventory", "check", "--annotate", "a,b%.csv"]).expect_code(5);
    let out = ended.out();
    let lines: Vec<&str> = out.lines().take_while(|line| line.starts_with("::")).collect();
    let title = "title=allclear inventory::";
    assert!(
        lines[0]
            .starts_with(&format!("::error file=a%2Cb%25.csv,line=4,col=6,{title}`no%25port` is not a port")),
        "{out}"
    );
    assert!(
        lines[1].starts_with(&format!("::error file=a%2Cb%25.csv,line=3,col=1,{title}owner of svc-")),
        "{out}"
    );
    assert!(
        lines[2].starts_with(&format!("::warning file=a%2Cb%25.csv,line=5,col=1,{title}port 5432 usually")),
        "{out}"
    );
    assert!(out.contains("2 things to correct."), "{out}");

    work.write("values.jsonl", "{\"name\":\"web\"}\n{\"name\":\"web\",\"password\":\"hunter2\"}\n");
    work.write("bad.txt", "we b\n");
    work.write("secrets.jsonl", "{\"secret_id\":\"k\",\"type\":\"B1\",\"services\":\"web01\"}\n");
    let table = [
        ("values.jsonl", format!("::error file=values.jsonl,line=2,col=15,{title}a key named")),
        ("bad.txt", format!("::error file=bad.txt,line=1,col=3,{title}white space")),
        ("missing.csv", format!("::error file=missing.csv,{title}cannot be read")),
    ];
    for (file, expected) in table {
        let ended = work.run(&["inventory", "check", "--annotate", file]).expect_code(5);
        assert!(ended.out().starts_with(&expected) && !ended.out().contains("hunter2"), "{}", ended.out());
        let plain = work.run(&["inventory", "check", file]).expect_code(5);
        assert_eq!((plain.out().contains("::"), plain.err()), (false, ended.err()));
    }
    let secrets = work.ok(&["inventory", "check", "--annotate", "secrets.jsonl"]);
    assert!(
        secrets.out().starts_with("::warning title=allclear inventory::no input holds a service"),
        "{}",
        secrets.out()
    );
}

/// Documents in YAML, and whether they are good.
const DOCUMENTS: &[(&str, bool)] = &[
    ("services: [{name: a}]", true),
    ("allclear: 1\nservices: [{name: a, port: [443, '8443;9443'], issues_tokens: yes, wrap: smtp}]", true),
    ("hosts: [{name: a, owner: me, services: [{port: 443}, {name: b}]}]", true),
    ("hosts: [{address: 192.0.2.1, id: x}]", true),
    ("x-a: &a {owner: me}\nservices: [{name: a, <<: *a, rack: 12}]", true),
    ("scope: {allow: ['*.example.test', 10.0.0.0/8], exclude: [a]}\nservices: [{name: a}]", true),
    ("secrets: [{secret_id: k, type: B1, services: [a], issued_at: '2026-01-01', colour: red}]", true),
    ("defaults: {owner: me, port: 8443}\nservices: [{name: a, port: ~}]", true),
    ("allclear: 2\nservices: [{name: a}]", false),
    ("servces: [{name: a}]", false),
    ("services: {name: a}", false),
    ("services: [{port: 443}]", false),
    ("services: [{name: [a]}]", false),
    ("services: [{name: a, port: 0}]", false),
    ("services: [{name: a, port: 70000}]", false),
    ("services: [{name: a, port: '8000-8010'}]", false),
    ("services: [{name: a, wrap: ssl}]", false),
    ("services: [{name: a, fragile: perhaps}]", false),
    ("services: [{name: a, exposure: everyone}]", false),
    ("services: [{name: a, prots: [443]}]", false),
    ("services: [{name: a, db_password: x}]", false),
    ("services: [{name: a, API-Key: x}]", false),
    ("services: [{name: a, pass: x}]", false),
    ("hosts: [{name: a, services: []}]", false),
    ("hosts: [{name: a, id: x, services: [{port: 443}]}]", false),
    ("scope: {allow: []}\nservices: [{name: a}]", false),
    ("scope: {allows: [a]}\nservices: [{name: a}]", false),
    ("scope: {exclude: ['not a host']}\nservices: [{name: a}]", false),
    ("defaults: {name: a}\nservices: [{port: 443}]", false),
    ("secrets: [{secret_id: k}]", false),
    ("secrets: [{secret_id: k, type: B1, value: x}]", false),
];

#[test]
fn the_schema_and_the_loader_agree() {
    let yaml = need!(peers::ansible("python"));
    let python = need!(peers::formats());
    let work = Work::new();
    let sample = std::fs::read_to_string(Path::new(ROOT).join("inventory/services.yaml")).unwrap();
    let mut documents = vec![(sample.as_str(), true)];
    documents.extend(DOCUMENTS);
    for (number, (text, good)) in documents.iter().enumerate() {
        let name = format!("{number}.yaml");
        work.write(&name, text);
        let ended = work.run(&["inventory", "check", "--format", "yaml", &name]);
        assert_eq!(ended.code == Some(0), *good, "{text}\n{}{}", ended.out(), ended.err());
    }
    let convert = "import yaml,json,sys\nfor i in range(int(sys.argv[1])):\n \
        json.dump(yaml.safe_load(open(f'{i}.yaml')),open(f'{i}.json','w'),default=str)\n";
    let judge = "import json,sys,jsonschema\ns=json.load(open(sys.argv[2]))\n\
        jsonschema.Draft202012Validator.check_schema(s)\nv=jsonschema.Draft202012Validator(s)\n\
        print(json.dumps([v.is_valid(json.load(open(f'{i}.json'))) for i in range(int(sys.argv[1]))]))\n";
    let schema = Path::new(ROOT).join("inventory/allclear-inventory.schema.json");
    let count = documents.len().to_string();
    let mut first = Command::new(yaml);
    first.args(["-c", convert, &count]).current_dir(work.folder());
    run_with_limit(&mut first, b"", HANG).expect_code(0);
    let mut second = Command::new(python);
    second.args(["-c", judge, &count]).arg(schema).current_dir(work.folder());
    let judged = run_with_limit(&mut second, b"", HANG).expect_code(0).json();
    for ((text, good), judged) in documents.iter().zip(judged.as_array().unwrap()) {
        assert_eq!(judged, good, "{text}");
    }
}

#[test]
fn the_hook_lets_good_inventories_pass_and_stops_bad_ones() {
    let pre_commit = need!(peers::pre_commit());
    let shipped = std::fs::read_to_string(Path::new(ROOT).join(".pre-commit-hooks.yaml")).unwrap();
    let at = shipped.find("- id: allclear-inventory-system").expect("the system hook");
    let rest = &shipped[at + 2..];
    let hook = &rest[..rest.find("\n- id: ").unwrap_or(rest.len())];
    assert!(hook.contains("language: system") && shipped.contains("language: rust"), "{shipped}");
    let work = Work::new();
    let hook = hook.trim_end().replace('\n', "\n    ");
    work.write(".pre-commit-config.yaml", format!("repos:\n- repo: local\n  hooks:\n    - {hook}\n"));
    let binary = Path::new(env!("CARGO_BIN_EXE_allclear")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(work.folder());
        command.env("PATH", format!("{}:{path}", binary.display())).env("HOME", work.folder());
        command.env("PRE_COMMIT_HOME", work.path("cache")).env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "t").env(format!("GIT_{who}_EMAIL"), "t@example.test");
        }
        run_with_limit(&mut command, b"", HANG)
    };
    let git = Path::new("git");
    run(git, &["init", "-q"]).expect_code(0);
    run(&pre_commit, &["install"]).expect_code(0);
    work.write("services.csv", "name,port,owner\nweb01.example.test,443,ops\n");
    work.write("inventory.txt", "this is no inventory of the hook\n");
    run(git, &["add", "services.csv", "inventory.txt", ".pre-commit-config.yaml"]).expect_code(0);
    let good = run(git, &["commit", "-qm", "good"]).expect_code(0);
    assert!(good.err().contains("Passed") || good.out().contains("Passed"), "{}{}", good.out(), good.err());
    std::fs::create_dir(work.path("inventory")).unwrap();
    work.write("inventory/more.yaml", "services:\n- {name: web02, port: none}\n- {name: web03}\n");
    run(git, &["add", "inventory/more.yaml"]).expect_code(0);
    let bad = run(git, &["commit", "-qm", "bad"]).expect_code(1);
    let said = format!("{}{}", bad.out(), bad.err());
    assert!(said.contains("inventory/more.yaml:2:23: "), "{said}");
    assert_eq!(run(git, &["log", "--oneline"]).out().lines().count(), 1);
}

#[test]
fn what_was_excluded_stays_alone_when_it_is_verified() {
    let work = Work::new();
    let listener = Listener::start(Manner::PlainHttp);
    work.write(
        "all.yaml",
        format!(
            "services:\n- {{name: web, address: 127.66.11.1, port: {0}}}\n- {{name: printer, address: 127.66.11.2, port: {0}}}\n\
             scope: {{exclude: [127.66.11.2]}}\n",
            listener.port
        ),
    );
    let touched = || -> Vec<String> { listener.connections().iter().map(ToString::to_string).collect() };
    work.ok(&["sweep", "all.yaml"]);
    work.run(&["verify", "--gate", "closed"]);
    work.run(&["watch", "--once"]);
    assert!(touched().contains(&"127.66.11.1".to_owned()), "{:?}", touched());
    assert!(!touched().contains(&"127.66.11.2".to_owned()), "{:?}", touched());
}

#[test]
fn no_file_takes_the_place_of_an_excluded_address() {
    let work = Work::new();
    work.write("all.yaml", "scope: {exclude: [127.66.12.1, 127.66.13.0/24]}\nhosts: [{address: 127.66.12.1}, {address: 127.66.13.7}]\n");
    work.write("127.66.12.1", "127.99.0.1\n");
    std::fs::create_dir(work.path("127.66.13.0")).unwrap();
    work.write("127.66.13.0/24", "127.99.0.2\n");
    let by_file = work.ok(&["sweep", "all.yaml", "--dry-run"]).out();
    assert_eq!(by_file.matches("skip (excluded)").count(), 2, "{by_file}");
    work.write("hosts.txt", "127.66.12.1\n");
    let typed = work.ok(&["sweep", "hosts.txt", "--dry-run", "--exclude", "127.66.12.1"]).out();
    assert!(typed.starts_with("skip (excluded)"), "{typed}");
}

#[test]
fn credentials_that_stand_in_inventories_are_kept_nowhere() {
    let work = Work::new();
    let mark = "hunter2hunter2";
    let files = [
        (
            "a.ini",
            format!(
                "box1 ansible_host=127.66.14.1 tls_ports=9 db_pw={mark} gl=glpat-{mark} snmp_community={mark} login=admin:{mark} opts='-Dx.password={mark}'\n"
            ),
        ),
        (
            "b.csv",
            format!(
                "name,address,port,notes,connection\nweb,127.66.14.2,9,password={mark},https://u:{mark}@db/x\n"
            ),
        ),
        (
            "c.yaml",
            format!(
                "services:\n- {{name: y, address: 127.66.14.3, port: 9, note: 'sk_live_{mark}x', tags: ['token={mark}']}}\n"
            ),
        ),
        ("d.csv", format!("secret_id,type,services,location\ns,D1,web,ghp_{mark}\nt,D1,web,vault:web/t\n")),
    ];
    let mut arguments = vec!["sweep"];
    for (name, text) in &files {
        work.write(name, text);
        arguments.push(name);
    }
    let swept = work.ok(&arguments);
    let mut texts = vec![swept.out() + &swept.err()];
    for (name, _) in &files {
        for first in [&["inventory", "list", "--jsonl"][..], &["inventory", "check", "--annotate"]] {
            let ended = work.run(&[first, &[*name]].concat());
            texts.push(ended.out() + &ended.err());
        }
    }
    texts.push(String::from_utf8_lossy(&std::fs::read(work.path("incident.db")).unwrap()).into_owned());
    for text in &texts {
        assert!(!text.contains(mark), "{text}");
    }
    assert!(texts[0].contains("location looks like a credential"), "{}", texts[0]);
    assert!(texts.iter().any(|text| text.contains("notes=withheld")), "{texts:?}");
}

#[test]
fn a_private_key_is_refused_as_an_inventory_and_not_repeated() {
    let work = Work::new();
    let key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    work.write(
        "key.pem",
        format!("# web01\n-----BEGIN PRIVATE KEY-----\n{key}\nq8dwa70gzfd0\n-----END PRIVATE KEY-----\n"),
    );
    work.write("vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n3136623763\n");
    for name in ["key.pem", "vault.yml"] {
        let ended = work.run(&["inventory", "check", name]).expect_code(5);
        let said = ended.out() + &ended.err();
        assert!(said.contains("is no inventory") || said.contains("no inventory;"), "{said}");
        assert!(!said.contains(key) && !said.contains("q8dwa") && !said.contains("3136"), "{said}");
    }
}

#[test]
fn a_check_of_several_files_tells_what_is_wrong_with_each() {
    let work = Work::new();
    work.write("a.yaml", "allclear: 1\nservices:\n- name: a\n   port: 443\n");
    work.write("b.csv", "machine,port\nweb,443\n");
    work.write("c.csv", "name,port\nweb,443\n");
    let ended = work.run(&["inventory", "check", "--annotate", "a.yaml", "b.csv", "c.csv"]).expect_code(5);
    for text in [ended.out(), ended.err()] {
        for part in ["a.yaml", "this is not YAML", "b.csv", "the header has neither"] {
            assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
        }
        assert!(!text.contains("c.csv"), "{text}");
    }
}
