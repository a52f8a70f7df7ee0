//! The three questions as a user meets them: lists with the unknown first, rules of `allclear.toml`, host evidence.

use serde_json::Value;

use crate::support::Work;

const SERVICES: &str = "name,address,port,service_type,owner,exposure,zone,tags\n\
    www.example.test,203.0.113.10,443,nginx,web,public,,\n\
    lb1.example.test,203.0.113.11,443,haproxy,,,dmz,\n\
    ldap.example.test,10.1.2.3,,openldap,,,,dir\n\
    odd.example.test,,8443,,,,,\n";

const RULES: &str = "[[policy.rule]]\nowner = \"network team\"\nexposure = \"public\"\nzones = [\"DMZ\"]\n\
    [[policy.rule]]\nowner = \"identity\"\ntags = [\"dir\"]\n\
    [[policy.rule]]\nexposure = \"internal\"\nnetworks = [\"10.0.0.0/8\"]\n";

/// The lines of a list by a question, without its heading.
fn by(work: &Work, question: &str) -> Vec<String> {
    let listed = work.ok(&["inventory", "list", "services.csv", "--by", question]).out();
    listed.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn each_question_lists_the_unknown_first_and_says_why() {
    let work = Work::new();
    work.write("services.csv", SERVICES);
    let exposure = by(&work, "exposure");
    assert!(
        exposure[0].starts_with("unknown") && exposure[0].contains("odd.example.test:8443"),
        "{exposure:?}"
    );
    let guessed: Vec<_> = exposure.iter().filter(|line| line.contains("~ ")).collect();
    assert_eq!(guessed.len(), 1, "{exposure:?}");
    assert!(guessed.iter().all(|l| l.starts_with("internal~") && l.contains("10.1.2.3")), "{exposure:?}");
    assert!(
        exposure[2].contains("the inventory says so") && exposure[3].contains("zone dmz"),
        "{exposure:?}"
    );
    let tokens = by(&work, "tokens");
    let ldap = tokens.iter().find(|line| line.contains("ldap.example.test:389")).unwrap();
    assert!(
        ldap.starts_with("unknown") && ldap.contains("B1 C9 E1"),
        "what such a service holds: {tokens:?}"
    );
    let owner = by(&work, "owner");
    assert_eq!(owner.iter().filter(|line| line.starts_with("unknown")).count(), 3, "{owner:?}");
    assert!(owner[3].starts_with("web "), "{owner:?}");
    let check = work.ok(&["inventory", "check", "services.csv"]).out();
    let questions = check.split("The three questions").nth(1).unwrap_or_else(|| panic!("{check}"));
    assert!(questions.contains("1 unknown, 1 internal~, 2 public\n"), "{check}");
}

#[test]
fn rules_fill_what_nobody_said_and_never_what_somebody_did() {
    let work = Work::new();
    work.write("services.csv", SERVICES);
    work.write("allclear.toml", RULES);
    let rows = work.ok(&["inventory", "list", "services.csv", "--jsonl"]).rows();
    let of = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{rows:?}"));
    let owner_and_exposure = |name: &str| (of(name)["owner"].clone(), of(name)["exposure"].clone());
    let said = |owner: &str, exposure: &str| (Value::from(owner), Value::from(exposure));
    assert_eq!(owner_and_exposure("lb1.example.test"), said("network team", "public"));
    assert_eq!(owner_and_exposure("ldap.example.test"), said("identity", "internal"));
    assert_eq!(owner_and_exposure("www.example.test"), said("web", "public"));
    assert_eq!(
        of("odd.example.test")["derived"]["exposure"]["basis"],
        "nothing",
        "{}",
        of("odd.example.test")
    );
    let why = &of("lb1.example.test")["derived"]["exposure"];
    assert!(why["because"].as_str().unwrap().contains("zone DMZ"), "{why}");
    // No port was written: those of the type.
    let ldap = rows.iter().filter(|row| row["name"] == "ldap.example.test");
    assert_eq!(ldap.map(|row| row["port"].as_u64().unwrap()).collect::<Vec<_>>(), [389]);
    let check = work.ok(&["inventory", "check", "services.csv"]).out();
    let told = "services.csv:4: rows of service_type openldap without a port: 1; they are taken at 389 alone, and such services \
                often answer at 636 as well";
    assert!(check.contains(told), "{check}");
}

#[test]
fn owners_by_rule_reach_the_report_and_the_incident() {
    let work = Work::new();
    work.write("services.csv", "name,address,port,zone\nlb1,127.66.21.1,9,dmz\nlb2,127.66.21.2,9,\n");
    work.write("allclear.toml", RULES);
    work.ok(&["sweep", "services.csv"]);
    let tracked = work.ok(&["export", "tracker"]).csv();
    let owner_of = |name: &str| tracked.iter().find(|row| row["name"] == name).unwrap()["owner"].clone();
    assert_eq!((owner_of("lb1"), owner_of("lb2")), ("network team".to_owned(), String::new()));
    let listed = work.ok(&["inventory", "list", "--by", "owner"]).out();
    assert!(listed.lines().nth(1).unwrap().starts_with("unknown"), "{listed}");
    assert!(listed.contains("network team"), "{listed}");
}

#[test]
fn a_bad_rule_is_refused_with_its_place() {
    let work = Work::new();
    work.write("services.csv", SERVICES);
    let faults = [
        ("[[policy.rule]]\nowner = \"x\"\n", "a rule needs one of"),
        ("[[policy.rule]]\nnames = [\"*\"]\n", "a rule gives an `owner` or an `exposure`"),
        ("[[policy.rule]]\nowner = \"x\"\nnetworks = [\"10.0.0.0/99\"]\n", "allclear.toml:3"),
        ("[[policy.rule]]\nowner = \"x\"\nname = [\"*\"]\n", "allclear.toml:3"),
    ];
    for (rule, told) in faults {
        work.write("allclear.toml", rule);
        let ended = work.run(&["inventory", "check", "services.csv"]).expect_code(5);
        assert!(
            ended.err().contains("allclear.toml") && ended.err().contains(told),
            "{rule}: {}",
            ended.err()
        );
    }
}
