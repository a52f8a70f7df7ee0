use std::collections::BTreeSet;

use super::*;

fn file() -> Vec<Signature> {
    toml::from_str::<File>(include_str!("../fragile.toml"))
        .expect("the file that comes with the build")
        .fragile
}

fn by_subject(subject: &str) -> Option<String> {
    Signatures::built_in().matches(Some(subject), None, &[], None).map(str::to_owned)
}

fn by_server(server: &str) -> Option<String> {
    Signatures::built_in().matches(None, None, &[], Some(server)).map(str::to_owned)
}

#[test]
fn the_file_is_read_and_every_entry_is_sound() {
    let all = file();
    assert!(all.len() > 20, "{} entries", all.len());
    for signature in &all {
        assert_eq!(signature.check(), Ok(()));
        assert!(signature.note.as_ref().is_some_and(|n| !n.is_empty()), "{}: no source", signature.name);
    }
    let mut seen = BTreeSet::new();
    for s in &all {
        for (key, pattern) in [("subject", s.subject.join("|")), ("issuer", s.issuer.join("|"))] {
            assert!(
                pattern.is_empty() || seen.insert(format!("{key} {}", pattern.to_lowercase())),
                "{pattern}"
            );
        }
        for (key, pattern) in [("server", &s.server), ("tag", &s.tag)] {
            let Some(pattern) = pattern else { continue };
            assert!(seen.insert(format!("{key} {}", pattern.to_lowercase())), "twice: {key} {pattern}");
        }
    }
}

#[test]
fn default_certificates_are_recognised() {
    let table = [
        ("CN=ILOMXQ1234567,OU=ISS,O=Hewlett-Packard Company,L=Houston,ST=Texas,C=US", "HP iLO"),
        ("CN=ILOVYRBX9UJ4S,OU=ISS,O=Hewlett Packard Enterprise,L=Houston,ST=Texas,C=US", "HPE iLO"),
        ("CN=OA-001F296E21A3,OU=Onboard Administrator,O=Hewlett-Packard", "HP Onboard Administrator"),
        (
            "CN=DRAC5 default certificate,OU=Remote Access Group,O=Dell Inc.,L=Round Rock,ST=Texas,C=US",
            "Dell DRAC",
        ),
        ("CN=iDRAC6 default certificate,OU=Remote Access Group,O=Dell Inc.,L=Round Rock", "Dell DRAC"),
        ("CN=idrac-JXJJC02,OU=Remote Access Group,O=Dell Inc.,L=Round Rock,ST=Texas,C=US", "Dell iDRAC"),
        (
            "emailAddress=support@dell.com,CN=idrac,OU=Remote Access Group,O=Dell Inc.,L=Round Rock,ST=Texas,C=US",
            "Dell iDRAC",
        ),
        ("CN=iDRACdefault0023AEF89AD1,OU=iDRAC Group,O=Dell Inc.,L=Round Rock,C=US", "Dell iDRAC"),
        ("CN=IPMI,OU=Software,O=Super Micro Computer,ST=California,C=US", "Supermicro IPMI"),
        ("CN=AMI,OU=Service Processors,O=American Megatrends Inc,L=Atlanta,ST=Georgia,C=US", "AMI MegaRAC"),
        ("CN=XCC-7X06-J1005NEX,O=System X,L=RTP,ST=NC,C=US", "IBM or Lenovo management module"),
        (
            "CN=C-series CIMC,OU=PID:UCSC-C220-M3S SERIAL:FCH1,O=Cisco Self Signed,L=San Jose,C=US",
            "Cisco integrated management controller",
        ),
        ("CN=Oracle Integrated Lights Out Manager,O=Oracle America\\, Inc.,C=US", "Sun or Oracle ILOM"),
        (
            "CN=ZA1117619249,OU=Internally Generated Certificate,O=American Power Conversion Corp,C=US",
            "APC network management card",
        ),
        ("CN=HP Jetdirect 38831831,OU=2C413883186A+OU=J8028E,O=Hewlett-Packard Co.", "HP printer"),
        ("CN=HPD49F21,OU=HP-IPG,O=HP,L=Vancouver,ST=Washington,C=US", "HP printer"),
        ("CN=Canon iR-ADV", "Canon printer"),
        ("CN=Canon Imaging Product", "Canon printer"),
        ("CN=SLS,O=Lantronix,L=Irvine,ST=California,C=US", "Lantronix terminal server"),
    ];
    for (subject, expected) in table {
        assert_eq!(by_subject(subject).as_deref(), Some(expected), "{subject}");
        assert_eq!(by_subject(&subject.to_uppercase()).as_deref(), Some(expected), "letter case: {subject}");
    }
    let issuer =
        "CN=iLO3 Default Issuer (Do not trust),OU=ISS,O=Hewlett-Packard Company,L=Houston,ST=Texas,C=US";
    let signatures = Signatures::built_in();
    assert_eq!(signatures.matches(Some("CN=mgmt7.example.com"), Some(issuer), &[], None), Some("HP iLO"));
}

#[test]
fn ordinary_certificates_of_the_same_makers_are_not() {
    let ordinary = [
        "CN=web01.example.com",
        "CN=www.dell.com,O=Dell Technologies,L=Round Rock,ST=Texas,C=US",
        "CN=shop.dell.com,O=Dell Inc.,L=Round Rock,ST=Texas,C=US",
        "CN=www.hp.com,O=HP Inc,L=Palo Alto,ST=California,C=US",
        "CN=www.hpe.com,O=Hewlett Packard Enterprise,L=Houston,ST=Texas,C=US",
        "CN=support.hpe.com,O=Hewlett-Packard Company,L=Palo Alto,ST=California,C=US",
        "CN=www.oracle.com,O=Oracle Corporation,L=Redwood Shores,ST=California,C=US",
        "CN=www.cisco.com,O=Cisco Systems\\, Inc.,L=San Jose,ST=California,C=US",
        "CN=www.supermicro.com,O=Super Micro Computer\\, Inc.,L=San Jose,ST=California,C=US",
        "CN=www.apc.com,O=Schneider Electric,C=FR",
        "CN=ami.com,O=American Megatrends International LLC,ST=Georgia,C=US",
        "CN=www.canon.co.jp,O=Canon Inc.,C=JP",
        "CN=idrac.wiki.example.com,O=Example Inc.",
        "CN=ipmi.example.com,O=Example Inc.",
        "CN=silo.example.com,OU=ISS,O=Example,L=Houston",
        "CN=R3,O=Let's Encrypt,C=US",
        "CN=localhost",
        "",
    ];
    let signatures = Signatures::built_in();
    for name in ordinary {
        assert_eq!(by_subject(name), None, "{name}");
        assert_eq!(signatures.matches(None, Some(name), &[], None), None, "as issuer: {name}");
    }
}

#[test]
fn banners_of_devices_match_and_those_of_servers_do_not() {
    let table = [
        ("HP-iLO-Server/1.30", Some("HP iLO")),
        ("HPE-iLO-Server/3.18", Some("HPE iLO")),
        ("RMC Webserver 2.0", Some("Dell chassis or remote access controller")),
        ("debut/1.30", Some("Brother printer")),
        ("Canon Http Server Ver2.30", Some("Canon printer")),
        ("HP HTTP Server; HP PageWide 377dw MFP", Some("HP printer")),
        ("KM-MFP-http/V0.0.1", Some("Kyocera printer")),
        ("nginx/1.18.0 (Ubuntu)", None),
        ("Apache/2.4.41 (Unix) OpenSSL/1.0.1e", None),
        ("Microsoft-IIS/10.0", None),
        ("cloudflare", None),
        ("lighttpd/1.4.35", None),
        ("IBM_HTTP_Server", None),
        ("220 mail.example.com ESMTP Postfix (Debian/GNU)", None),
        ("", None),
    ];
    for (server, expected) in table {
        assert_eq!(by_server(server).as_deref(), expected, "{server}");
    }
}

#[test]
fn tags_are_compared_whole() {
    let signatures = Signatures::built_in();
    let with = |tag: &str| signatures.matches(None, None, &[tag.to_owned()], None);
    assert_eq!(with("iLO"), Some("HP iLO"));
    assert_eq!(with("Device Type=PDU"), Some("APC network management card"));
    assert_eq!(with(" printer "), Some("HP printer"));
    for other in
        ["silo", "pdu-monitoring", "ilo3", "ups=no", "Remote Management=iLO", "type=server", "group", "", "="]
    {
        assert_eq!(with(other), None, "{other}");
    }
}

#[test]
fn users_add_their_own_and_those_are_named_first() {
    let text = "[[fragile]]\nname = \"badge readers\"\nsubject = [\"O=Example Doors\"]\nserver = \"HP-iLO-Server\"\n";
    let user = toml::from_str::<File>(text).unwrap().fragile;
    let signatures = Signatures::built_in().with(&user);
    let named = |subject| signatures.matches(Some(subject), None, &[], None);
    assert_eq!(named("CN=door7,O=Example Doors,C=DE"), Some("badge readers"));
    assert_eq!(named("CN=door7,O=Example,C=DE"), None);
    assert_eq!(signatures.matches(None, None, &[], Some("HP-iLO-Server/1")), Some("badge readers"));
    assert_eq!(named("CN=IPMI,O=Super Micro Computer"), Some("Supermicro IPMI"));
}

#[test]
fn what_would_match_everything_is_refused_and_matches_nothing() {
    let table = [
        ("name = \"x\"", "has no pattern"),
        ("name = \"\"\ntag = \"a\"", "needs a name"),
        ("name = \"x\"\nsubject = [\"\"]", "the subject of `x` is so short"),
        ("name = \"x\"\nsubject = [\"CN=\"]", "the subject of `x` is so short"),
        ("name = \"x\"\nsubject = [\"O=Dell Inc.\", \",\"]", "the subject of `x` is so short"),
        ("name = \"x\"\nissuer = [\"C=US\"]", "the issuer of `x` is so short"),
        ("name = \"x\"\nserver = \"/1.\"", "the server of `x` is so short"),
        ("name = \"x\"\ntag = \"  \"", "the tag of `x` is empty"),
    ];
    for (entry, expected) in table {
        let user = toml::from_str::<File>(&format!("[[fragile]]\n{entry}\n")).unwrap().fragile;
        let fault = user[0].check().unwrap_err();
        assert!(fault.contains(expected), "{entry}: {fault}");
        let signatures = Signatures::default().with(&user);
        let hit = signatures.matches(
            Some("CN=web,C=US"),
            Some("C=US"),
            &["a".into(), String::new()],
            Some("x/1.0"),
        );
        assert_eq!(hit, None, "{entry}");
    }
    toml::from_str::<File>("[[fragile]]\nname = \"x\"\nsubjekt = [\"abcdef\"]\n").map(|_| ()).unwrap_err();
}
