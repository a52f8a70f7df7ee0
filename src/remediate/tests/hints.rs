//! Hints by product, tries with the old value, and that none of them puts a value on a command line.

use super::{
    super::{Types, words::shell},
    build::{assessment, evidence, exposed, owned, secret, secret_state},
    checklist,
    plans::find,
};
use crate::model::{
    checklist::Line,
    secret::{SecretState, Tier},
    service::{Service, TlsStack},
    time::Timestamp,
    wrap::Wrap,
};

fn line_of(kind: &str, service_type: &str) -> Line {
    let service = owned("h.example.test", 443, service_type, "team", TlsStack::OpensslDynamic);
    let data = evidence(vec![service.clone()], vec![secret("s1", kind, &[&service], None)]);
    let states = vec![secret_state("s1", SecretState::Identified, false)];
    let lines = checklist(&data, &assessment(vec![exposed(&service)], vec![], states));
    lines.into_iter().find(|l| l.secret.as_deref() == Some("s1")).expect("its line")
}

#[test]
fn hints_are_those_of_the_product_and_all_where_it_is_not_known() {
    let table: &[(&str, &str, &[&str], &[&str])] = &[
        (
            "C1",
            "postgres",
            &["createuser --pwprompt", "PGPASSFILE=old.pgpass"],
            &["RETAIN CURRENT", "MongoDB"],
        ),
        (
            "C1",
            "mariadb",
            &["RETAIN CURRENT PASSWORD", "--defaults-file=old.cnf"],
            &["createuser", "PGPASSFILE"],
        ),
        ("postgres-password", "nginx", &["createuser --pwprompt"], &["RETAIN CURRENT"]),
        ("C1", "nginx", &["createuser --pwprompt", "RETAIN CURRENT PASSWORD"], &[]),
        ("redis-password", "app", &["ACL SETUSER", "./try-redis old.pw"], &["rabbitmqctl", "etcdctl"]),
        ("C2", "rabbitmq", &["rabbitmqctl add_user"], &["ACL SETUSER"]),
        ("C7", "coturn", &["a second line `static-auth-secret=`", "./try-turn old.secret"], &["restund"]),
        ("B2", "nginx", &["ssl_session_ticket_key"], &["tls-ticket-keys"]),
        ("B2", "haproxy", &["tls-ticket-keys"], &["ssl_session_ticket_key"]),
        ("B5", "nginx", &["ssh-keygen -A", "ssh-keyscan"], &[]),
        ("B6", "openvpn", &["openvpn --genkey"], &["swanctl"]),
        ("D6", "postfix", &["opendkim-genkey", "rspamadm dkim_keygen"], &[]),
        ("D4", "idp", &["jwks_uri", "Keycloak"], &["Kubernetes"]),
        ("C9", "ldap", &["ldapwhoami", "--refused-exit 49"], &["ipmitool"]),
    ];
    for (kind, service, wanted, unwanted) in table {
        let line = line_of(kind, service);
        let text = format!("{}\n{}", line.steps.join("\n"), line.attest.unwrap_or_default());
        for wanted in *wanted {
            assert!(text.contains(wanted), "{kind} on {service} lacks {wanted:?}:\n{text}");
        }
        for unwanted in *unwanted {
            assert!(!text.contains(unwanted), "{kind} on {service} has {unwanted:?}:\n{text}");
        }
    }
}

#[test]
fn each_type_of_c_and_d_shows_how_its_proof_is_recorded() {
    for kind in Types::embedded().secret_types() {
        let line = line_of(&kind.code, "generic");
        let attest = line.attest.expect("something to attest");
        let bulk = ["D2", "D3", "E1", "E2"].contains(&kind.code.as_str());
        assert_eq!(
            attest.contains("--still-active COUNT --issued-before TIME"),
            bulk,
            "{}: {attest}",
            kind.code
        );
        let tried = matches!(kind.tier, Tier::C | Tier::D) && !["C10", "D7"].contains(&kind.code.as_str());
        assert!(
            !tried || attest.contains("allclear attest --secret s1 --negative-test"),
            "{}: {attest}",
            kind.code
        );
        let word = format!("allclear attest --secret s1 --state {} --reference TICKET", kind.attest);
        assert_eq!(attest.lines().last(), Some(word.as_str()), "{}", kind.code);
        if kind.checkable.contains("negative test") {
            assert!(!kind.tries.is_empty(), "{} says it can be tried, and shows no try", kind.code);
        }
    }
}

#[test]
fn a_count_asks_for_what_is_older_than_the_end_of_the_leak() {
    let service = owned("h.example.test", 443, "https", "team", TlsStack::OpensslDynamic);
    let data = evidence(vec![service.clone()], vec![secret("s1", "D2", &[&service], None)]);
    let mut judged = exposed(&service);
    let last = judged.last_bad.expect("it leaked");
    judged.first_good = Some(last.plus_seconds(3600));
    let states = vec![secret_state("s1", SecretState::Identified, false)];
    let lines = checklist(&data, &assessment(vec![judged], vec![], states));
    let attest = find(&lines, &service, "D2").attest.clone().expect("a command");
    let before: Timestamp = attest
        .split("--issued-before ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|t| t.parse().ok())
        .unwrap_or_else(|| panic!("no time in {attest}"));
    assert!(before > last.plus_seconds(3600), "{before} leaves some out");
    assert!(before < last.plus_seconds(3602), "{before} asks for too many");
}

/// Options that take a password or token as their value, with anything but a file, a prompt or a place to fill.
#[test]
fn no_command_carries_a_value() {
    let types = Types::embedded();
    let mut commands: Vec<(String, String)> = Vec::new();
    for kind in types.secret_types() {
        let texts = kind.steps.iter().chain(kind.commands.iter().map(|h| &h.text));
        let spans = texts.flat_map(|t| t.split('`').skip(1).step_by(2)).map(str::to_owned);
        let tries = kind.tries.iter().flat_map(|t| std::iter::once(&t.run).chain(&t.control)).cloned();
        commands.extend(spans.chain(tries).map(|c| (kind.code.clone(), c)));
    }
    for kind in types.service_types() {
        let each = kind.test.iter().chain(&kind.reload).cloned();
        commands.extend(each.map(|c| (kind.name.clone(), c)));
    }
    assert!(commands.len() > 100, "{} commands", commands.len());
    let valued = [
        "--password=",
        "--password ",
        "--pass ",
        "--token ",
        "--token=",
        "--secret ",
        "--secret=",
        " -hmac ",
        "PGPASSWORD=",
        "MYSQL_PWD=",
        "REDISCLI_AUTH=",
        "sshpass",
        "-macopt",
        "echo ",
        "printf ",
        "--auth-password",
        "-storepass ",
        "-passin pass:",
        "-passout pass:",
        "Bearer ",
    ];
    for (of, command) in &commands {
        for option in valued {
            // A header in a curl configuration file is no command line.
            let in_file = command.starts_with("header = ") || command == "openvpn --genkey --secret NEW.key";
            assert!(in_file || !command.contains(option), "{of}: {option:?} in {command:?}");
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        for pair in words.windows(2) {
            let [option, value] = pair else { continue };
            let takes = matches!(
                (words.first().copied(), *option),
                (Some("redis-cli"), "-a")
                    | (Some("curl"), "-u" | "--user" | "-H")
                    | (Some("ldapwhoami" | "ldapsearch"), "-w")
                    | (Some("ipmitool"), "-P")
                    | (Some("turnutils_uclient"), "-W" | "-w")
                    | (Some("turnadmin"), "-s" | "-p")
            );
            assert!(!takes, "{of}: {option} {value} in {command:?}");
        }
    }
}

#[test]
fn the_check_of_a_key_speaks_the_protocol_and_quotes_names() {
    let table = [
        (
            "web.example.test",
            Wrap::Tls,
            "openssl s_client -connect web.example.test:443 -servername web.example.test </dev/null",
        ),
        ("mx.example.test", Wrap::Smtp, "-servername mx.example.test -starttls smtp </dev/null"),
        ("db.example.test", Wrap::Postgres, "-starttls postgres"),
        ("chat.example.test", Wrap::XmppServer, "-starttls xmpp-server"),
        ("turn.example.test", Wrap::Dtls, " -dtls "),
        ("rdp.example.test", Wrap::Rdp, "allclear probe rdp.example.test:443"),
        ("192.0.2.7", Wrap::Tls, "-connect 192.0.2.7:443 </dev/null"),
        ("2001:db8::7", Wrap::Tls, "-connect [2001:db8::7]:443 </dev/null"),
        ("$(reboot)`x`", Wrap::Tls, "-connect '$(reboot)'x':443'"),
    ];
    for (name, wrap, wanted) in table {
        let mut service: Service = owned(name, 443, "nginx", "team", TlsStack::OpensslDynamic);
        service.wrap = wrap;
        let look = super::super::tls::look(&service);
        assert!(!look.contains('`'), "{look}");
        if !name.contains('`') {
            assert!(look.contains(wanted), "{name}: {look}");
        }
    }
    assert_eq!(shell("$(reboot)"), "'$(reboot)'");
}

#[test]
fn a_new_key_is_said_for_the_server_at_hand() {
    let table = [
        (
            "nginx",
            "`ssl_certificate` and `ssl_certificate_key`",
            "sudo nginx -t && sudo systemctl reload nginx",
        ),
        ("apache", "SSLCertificateFile", "apachectl graceful"),
        ("haproxy", "`crt`", "reload haproxy"),
        ("postfix", "smtpd_tls_chain_files", "postfix reload"),
        ("exim", "tls_privatekey", "restart exim4"),
        ("dovecot", "ssl_server_key_file", "reload dovecot"),
        ("prosody", "`certificates` directory", "prosodyctl reload"),
        ("ejabberd", "certfiles", "ejabberdctl reload_config"),
        ("slapd", "olcTLSCertificateKeyFile", "slaptest -u"),
        ("postgres", "ssl_key_file", "reload postgresql"),
        ("mysql", "ssl_key", "ALTER INSTANCE RELOAD TLS"),
        ("vsftpd", "rsa_private_key_file", "restart vsftpd"),
        ("coturn", "pkey", "restart coturn"),
        ("openvpn", "`cert` and `key`", "restart openvpn-server@NAME"),
        ("stunnel", "`cert` and `key`", "reload stunnel4"),
        ("hitch", "pem-file", "reload hitch"),
        ("inn", "tlskeyfile", "restart inn2"),
    ];
    for (word, place, reload) in table {
        let service = owned("h.example.test", 443, word, "team", TlsStack::OpensslDynamic);
        let lines = checklist(
            &evidence(vec![service.clone()], vec![]),
            &assessment(vec![exposed(&service)], vec![super::build::key("k", &[(&service, true)])], vec![]),
        );
        let steps = find(&lines, &service, "B1").steps.join("\n");
        for wanted in
            [place, reload, "openssl genpkey", "--new-key", "--always-force-new-domain-key", "sha256sum"]
        {
            assert!(steps.contains(wanted), "{word} lacks {wanted:?}:\n{steps}");
        }
    }
}
