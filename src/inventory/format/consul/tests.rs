use crate::inventory::{
    Input, Loaded, Options,
    format::{TextFile, by_content},
    load,
};

const SAMPLE: &[u8] = include_bytes!("../../../../inventory/consul.json");

const HEALTH: &str = r#"[{"Node":{"Node":"n1","Address":"192.0.2.11","Datacenter":"dc1"},"Service":{"ID":"web-1",
"Service":"web","Tags":["http"],"Address":"","Meta":{"owner":"team-web"},"Port":443},"Checks":[{"Status":"critical"}]}]"#;

const AGENT: &str = r#"{"web-1":{"ID":"web-1","Service":"web","Tags":[],"Meta":{},"Port":443,"Address":"192.0.2.11"},
"db":{"ID":"db","Service":"db","Tags":[],"Meta":{},"Port":5432,"Address":""}}"#;

const NODES: &str = r#"[{"ID":"x","Node":"web01.example.test","Address":"192.0.2.11","Datacenter":"dc1",
"TaggedAddresses":{"lan":"192.0.2.11"},"Meta":{"rack":"7"}}]"#;

fn loaded(text: &[u8]) -> Result<Loaded, String> {
    let input = [Input::Text { name: "consul.json".into(), text: text.to_vec(), format: Some("consul") }];
    load(&input, &[], &Options { partial: true, ..Options::default() }).map_err(|error| error.to_string())
}

fn shown(loaded: &Loaded) -> Vec<String> {
    let one = |s: &crate::model::service::Service| {
        let name = s.name.as_deref().unwrap_or("-");
        let addresses: Vec<String> = s.addresses.iter().map(ToString::to_string).collect();
        format!("{name} {} {} {}", addresses.join("+"), s.port, s.declared.tags.join(" "))
    };
    loaded.services.iter().map(one).collect()
}

#[test]
fn the_sample_falls_back_to_the_nodes_address_and_keeps_no_credential() {
    let found = loaded(SAMPLE).unwrap();
    assert_eq!(
        shown(&found),
        [
            "- 192.0.2.11 443 consul=web node=n1 dc=dc1 version=1.4 tls tier=front",
            "mx1.example.test  25 consul=mail node=n2 dc=dc1 tls=false",
            "- 192.0.2.13 443 consul=batch node=n3 dc=dc1",
        ]
    );
    assert_eq!(found.services[0].declared.owner.as_deref(), Some("team-web"));
    assert_eq!(found.services[0].sources[0].path.as_deref(), Some("n1/web"));
    assert_eq!(found.services[1].sources[0].line, 2);
    assert_eq!(found.services[1].declared.exposure, Some(crate::model::service::Exposure::Public));
    let said = format!("{found:?}");
    assert!(!said.contains("not-kept") && said.contains("1 values"), "{said}");
}

#[test]
fn every_answer_of_consul_is_known_by_its_content_and_read() {
    let table = [
        (HEALTH, vec!["- 192.0.2.11 443 consul=web node=n1 dc=dc1 http"], 0),
        (AGENT, vec!["- 192.0.2.11 443 consul=web"], 1),
        (NODES, vec!["web01.example.test 192.0.2.11 443 node=web01.example.test dc=dc1 rack=7"], 0),
        (
            r#"{"Node":{"Node":"n1","Address":"192.0.2.11"},"Services":{"web":{"Service":"web","Port":8443}}}"#,
            vec!["- 192.0.2.11 8443 consul=web node=n1"],
            0,
        ),
    ];
    for (text, expected, notices) in table {
        let file = TextFile { name: "t".into(), text: text.as_bytes(), folder: None };
        assert_eq!(by_content(&file).map(|f| f.name).ok(), Some("consul"), "{text}");
        let found = loaded(text.as_bytes()).unwrap();
        assert_eq!(
            (shown(&found), found.notices.len()),
            (expected.iter().map(ToString::to_string).collect(), notices)
        );
    }
    let file = TextFile { name: "t".into(), text: SAMPLE, folder: None };
    assert_eq!(by_content(&file).map(|f| f.name).ok(), Some("consul"));
    let two = [SAMPLE, SAMPLE].concat();
    assert_eq!(loaded(&two).unwrap().merged, 3, "answers one after another");
}

#[test]
fn what_cannot_be_used_is_told_with_its_place() {
    let table: &[(&[u8], &str)] = &[
        (b"{\"consul\":[],\"web\":[\"tls\"]}", "1:1: these are names of services"),
        (b"[]", "holds no service"),
        (b"{\"x\":1}", "expected an answer of Consul"),
        (
            b"[{\"Node\":\"n1\",\"Address\":\"\",\"ServiceName\":\"web\",\"ServicePort\":443}]",
            "1:2: service `web`",
        ),
        (b"[{\"Node\":\"n1\",\"Address\":\"a b\",\"ServiceName\":\"web\"}]", "not a host name"),
        (b"[{\"Address\":\"192.0.2.1\",\"ServiceName\":\"web\",\"ServicePort\":70000}]", "its port is none"),
        (b"[7]", "neither the service nor its node"),
        (b"[", "not JSON"),
    ];
    for (text, expected) in table {
        let said = loaded(text).expect_err("refused");
        assert!(said.contains(expected), "{said}");
    }
    for end in 0..SAMPLE.len() {
        crate::inventory::fuzz_format(&[b"C", &SAMPLE[..end]].concat());
    }
}
