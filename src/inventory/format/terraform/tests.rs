use crate::{
    inventory::{Error, Input, Loaded, Options, load},
    model::{service::TlsStack, wrap::Wrap},
};

const SHOW: &str = include_str!("../../../../inventory/terraform.json");
const STATE: &str = include_str!("../../../../inventory/terraform.tfstate");

fn tried(text: &str) -> Result<Loaded, Error> {
    let input = Input::Text { name: "t".into(), text: text.into(), format: Some("terraform") };
    load(&[input], &[], &Options { partial: true, ..Options::default() })
}

fn detected(text: &str) -> Loaded {
    let loaded = load(&[Input::text("t", text)], &[], &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(&*loaded.services[0].sources[0].format, "terraform");
    loaded
}

fn rows(loaded: &Loaded) -> Vec<String> {
    let row = |s: &crate::model::service::Service| {
        let addresses: Vec<String> = s.addresses.iter().map(ToString::to_string).collect();
        let path = s.sources[0].path.as_deref().unwrap_or_default().to_owned();
        format!("{} [{}] {path}", s.display_port(), addresses.join(" "))
    };
    loaded.services.iter().map(row).collect()
}

fn notices(loaded: &Loaded) -> String {
    loaded.notices.iter().map(|notice| format!("{notice}\n")).collect()
}

#[test]
fn a_shown_state_gives_listeners_hosts_and_databases() {
    let loaded = detected(SHOW);
    assert_eq!(
        rows(&loaded),
        [
            "edge-1.elb.example.test:443 [] aws_lb_listener.https",
            "edge-1.elb.example.test:8443 [] aws_lb_listener.admin",
            "d111.cdn.example.net:443 [] aws_cloudfront_distribution.cdn",
            "cdn.example.test:443 [] aws_cloudfront_distribution.cdn",
            "web01.example.test:443 [192.0.2.7] module.web.aws_instance.web[0]",
            "db.rds.example.test:6432 [] module.web.module.db.aws_db_instance.db",
            "192.0.2.44:443 [192.0.2.44] module.gcp.google_compute_instance.vm",
            "192.0.2.45:443 [192.0.2.45] module.gcp.google_compute_global_forwarding_rule.tls",
            "app.azure.example.test:443 [192.0.2.46] module.gcp.azurerm_public_ip.ip",
        ]
    );
    let edge = &loaded.services[0];
    assert_eq!((edge.owner(), edge.tls_stack()), (Some("team-web"), TlsStack::Provider));
    assert_eq!(loaded.services[5].wrap, Wrap::Postgres);
    assert_eq!(loaded.services[6].declared.team.as_deref(), Some("data"));
    assert!(loaded.bad.is_empty(), "{:?}", loaded.bad);
    let notices = notices(&loaded);
    for part in [
        "listeners without TLS: 1 (`aws_lb_listener.http`)",
        "wildcard names, which are not one service each: 1",
        "types that are not read: random_password 1, tls_private_key 1",
        "resources with tags that are not kept, since they may hold a credential or are too long: 1",
        "data sources, which look up what others own: 1 (`module.web.data.aws_instance.old`)",
    ] {
        assert!(notices.contains(part), "{part} is not in:\n{notices}");
    }
}

#[test]
fn listeners_on_one_certificate_are_tied_together() {
    let loaded = detected(SHOW);
    let [secret] = loaded.secrets.as_slice() else { panic!("{:?}", loaded.secrets) };
    assert_eq!(
        (secret.id.as_str(), secret.kind.as_str()),
        ("terraform:arn:aws:acm:eu-1:1:certificate/11", "B1")
    );
    // Both listeners and the alias; the provider's own name has another certificate.
    let mut expected: Vec<_> = [0, 1, 3].map(|at: usize| loaded.services[at].row_id.clone()).into();
    expected.sort_unstable();
    assert_eq!(secret.services, expected);
    assert!(secret.unresolved.is_empty());
}

#[test]
fn a_state_file_gives_the_same_with_its_instances() {
    let loaded = detected(STATE);
    assert_eq!(
        rows(&loaded),
        [
            "web-eu.example.test:443 [192.0.2.51] hcloud_server.web[\"eu\"]",
            "192.0.2.52:443 [192.0.2.52] hcloud_server.web[\"us\"]",
            "cache.example.test:6379 [] module.store.aws_elasticache_replication_group.cache",
            "[2001:db8::53]:443 [2001:db8::53] digitalocean_droplet.d",
        ]
    );
    assert_eq!(loaded.services[0].owner(), Some("team-eu"));
    assert!(notices(&loaded).contains("null_resource 1"));
    let old = tried(r#"{"version":3,"terraform_version":"0.11.0","modules":[]}"#).unwrap_err().to_string();
    assert!(old.contains("terraform show -json"), "{old}");
}

#[test]
fn no_attribute_beyond_the_list_is_anywhere() {
    let mut inputs = vec![SHOW.to_owned(), STATE.to_owned()];
    // Every text that is no identity becomes a marker, whatever its attribute.
    let attributes =
        ["user_data", "password", "private_key_pem", "metadata", "connection_string", "master_password"];
    for kind in [
        "aws_instance",
        "aws_db_instance",
        "azurerm_public_ip",
        "hcloud_server",
        "aws_lb",
        "google_compute_instance",
        "thing",
    ] {
        let all: Vec<String> =
            attributes.iter().map(|name| format!("\"{name}\":\"MARKER-{name}\"")).collect();
        inputs.push(format!(
            r#"{{"format_version":"1.0","values":{{"root_module":{{"resources":[{{"address":"a.b","mode":"managed","type":"{kind}","values":{{"public_ip":"192.0.2.9",{}}}}}]}}}}}}"#,
            all.join(",")
        ));
    }
    for text in inputs {
        let loaded = tried(&text).unwrap_or_else(|e| panic!("{e} in {text}"));
        assert!(!format!("{loaded:?}").contains("MARKER"), "{loaded:?}");
    }
}

#[test]
fn plans_and_joins_that_lack_something_are_told() {
    let resources = |kind: &str, values: &str| {
        format!(
            r#"{{"format_version":"1.2","planned_values":{{"root_module":{{"resources":[{{"address":"a.b","mode":"managed","type":"{kind}","values":{values}}}]}}}}}}"#
        )
    };
    let table = [
        (
            resources("aws_instance", r#"{"tags":{"Name":"Web server"}}"#),
            "neither an address nor a name yet: 1",
        ),
        (
            resources("aws_lb_listener", r#"{"port":443,"protocol":"HTTPS"}"#),
            "whose load balancer the state does not have: 1",
        ),
        (
            resources("aws_lb", r#"{"arn":"x","dns_name":"lb.example.test"}"#),
            "without a listener in the state: 1",
        ),
        (
            resources("aws_acm_certificate", r#"{"arn":"x"}"#),
            "certificates that nothing in this state serves: 1",
        ),
        (
            resources(
                "google_compute_forwarding_rule",
                r#"{"ip_address":"192.0.2.1","port_range":"1-65535"}"#,
            ),
            "range of ports",
        ),
        (
            resources(
                "aws_elasticache_replication_group",
                r#"{"port":6379,"transit_encryption_enabled":false}"#,
            ),
            "without encryption in transit: 1",
        ),
        (r#"{"format_version":"1.0","terraform_version":"1.9.8"}"#.to_owned(), "holds no resource"),
    ];
    for (text, part) in table {
        let loaded = tried(&text).unwrap_or_else(|e| panic!("{e} in {text}"));
        assert!(
            loaded.services.is_empty() && notices(&loaded).contains(part),
            "{text}: {}",
            notices(&loaded)
        );
    }
}

#[test]
fn a_classic_balancer_and_more_certificates_of_a_listener_are_read() {
    let text = r#"{"format_version":"1.0","values":{"root_module":{"resources":[
      {"address":"aws_elb.c","type":"aws_elb","values":{"dns_name":"c.example.test","listener":[
        {"lb_port":443,"lb_protocol":"https","ssl_certificate_id":"arn:1"},{"lb_port":80,"lb_protocol":"http"}]}},
      {"address":"aws_lb.n","type":"aws_lb","values":{"arn":"lb","dns_name":"n.example.test"}},
      {"address":"aws_lb_listener.n","type":"aws_lb_listener","values":{"arn":"l","load_balancer_arn":"lb","port":"853","protocol":"TLS","certificate_arn":"arn:1"}},
      {"address":"aws_lb_listener_certificate.n","type":"aws_lb_listener_certificate","values":{"listener_arn":"l","certificate_arn":"arn:2"}}
    ]}}}"#;
    let loaded = detected(text);
    assert_eq!(rows(&loaded), ["n.example.test:853 [] aws_lb_listener.n", "c.example.test:443 [] aws_elb.c"]);
    let secrets: Vec<_> = loaded.secrets.iter().map(|s| (s.id.as_str(), s.services.len())).collect();
    assert_eq!(secrets, [("terraform:arn:1", 2), ("terraform:arn:2", 1)]);
}

#[test]
fn hostile_texts_end_in_a_clear_error_or_a_count() {
    for text in [SHOW, STATE] {
        for cut in (0..text.len()).step_by(7) {
            assert!(tried(text.get(..cut).unwrap_or_default()).is_err() || cut + 2 >= text.len());
        }
    }
    let deep = format!("{}{}", "{\"values\":".repeat(10_000), "}".repeat(10_000));
    let table = [
        deep.as_str(),
        "{}",
        "[]",
        "7",
        "{\"version\":4,\"resources\":{}}",
        "{\"values\":{\"root_module\":[]}}",
    ];
    for text in table {
        if let Err(error) = tried(text) {
            assert!(error.to_string().len() < 500, "{error}");
        }
    }
}
