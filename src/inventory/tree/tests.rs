use proptest::prelude::*;

use super::*;

fn at(line: u32, column: u32) -> Place {
    Place { line, column }
}

#[test]
fn json_values_know_their_place() {
    let node = json(b"{\n  \"name\": \"web\\u0030\",\n  \"ports\": [443,\n 18446744073709551615],\n \"a\": 1, \"a\": null }").unwrap();
    let name = node.get("name").unwrap();
    assert_eq!((name.place, name.text()), (at(2, 11), Some("web0")));
    let ports = node.get("ports").unwrap();
    assert_eq!(ports.items()[1].place, at(4, 2));
    assert_eq!(ports.items()[1].scalar().as_deref(), Some("18446744073709551615"), "beyond 2^53 and kept");
    assert_eq!(node.get("a").map(|n| &n.value), Some(&Value::Null), "the last of two counts");
    assert_eq!(node.entries().len(), 4, "and both are kept");
    assert_eq!(node.entries()[1].at, at(3, 3));
}

#[test]
fn json_faults_know_their_place_and_repeat_nothing() {
    let fault = json(b"{\n \"password\": hunter2}").unwrap_err();
    assert_eq!(fault.place, at(2, 14));
    assert!(!fault.message.contains("hunter2"), "{}", fault.message);
    assert_eq!(json(b"{\"a\":\n\"\xff\"}").unwrap_err().place, at(2, 2));
    let deep = [b"[".repeat(100), b"]".repeat(100)].concat();
    assert!(json(&deep).unwrap_err().message.contains("deep"));
    assert!(json(&b"[".repeat(1_000_000)).is_err());
}

#[test]
fn lines_of_json_stand_each_for_itself() {
    let all: Vec<_> = json_lines(b"{\"a\":1}\n\n{\"a\":\n[2]\r\n").collect();
    assert_eq!(all[0].as_ref().unwrap().get("a").unwrap().place, at(1, 6));
    assert_eq!(all[1].as_ref().unwrap_err().place.line, 3);
    assert_eq!(all[2].as_ref().unwrap().items()[0].place, at(4, 2));
}

#[test]
fn keys_are_read_as_far_as_they_go() {
    assert_eq!(json_keys(b" [ {\"ip\":\"192.0.2.1\", \"ports\":[{\"port\":"), ["ip", "ports"]);
    assert_eq!(json_keys(b"nothing"), Vec::<String>::new());
}

#[test]
fn yaml_values_know_their_place_and_type() {
    let text = "---\nweb: &w\n  port: 443\n  raw: 0443\n  ver: \"1.0\"\n  on: yes\n  no: ~\nmail:\n  <<: *w\n  port: 25\n---\n- {a: true}\n";
    let all = yaml(text.as_bytes()).unwrap();
    assert_eq!(all.len(), 2);
    let web = all[0].get("web").unwrap();
    assert_eq!(web.get("port").unwrap().place, at(3, 9));
    assert_eq!(web.get("port").unwrap().value, Value::Number("443".into()));
    assert_eq!(web.get("raw").unwrap().scalar().as_deref(), Some("0443"));
    assert_eq!(web.get("ver").unwrap().value, Value::Text("1.0".into()));
    assert_eq!(web.get("on").unwrap().value, Value::Text("yes".into()));
    let mail = all[0].get("mail").unwrap();
    assert_eq!(mail.get("port").unwrap().scalar().as_deref(), Some("25"), "its own word wins");
    assert_eq!(mail.get("raw").unwrap().scalar().as_deref(), Some("0443"));
    assert_eq!(all[1].items()[0].get("a").unwrap().value, Value::Bool(true));
}

#[test]
fn a_bomb_of_aliases_is_a_fault() {
    let mut text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (from, to) in ('a'..='k').zip('b'..='l') {
        text.push_str(&format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 10].join(",")));
    }
    let fault = yaml(text.as_bytes()).unwrap_err();
    assert!(fault.message.contains("far more"), "{}", fault.message);
    assert!(yaml(b"a: &a [*a]").unwrap_err().message.contains("alias"));
    assert!(yaml(&b"[".repeat(100_000)).is_err());
    assert!(yaml(&b"- ".repeat(100_000)).is_err());
}

proptest! {
    #[test]
    fn nothing_makes_them_panic(text in "[\\[\\]{}:,&*\"'a1 \n!<|>%-]{0,200}") {
        let _ = json(text.as_bytes());
        let _ = yaml(text.as_bytes());
    }
}
