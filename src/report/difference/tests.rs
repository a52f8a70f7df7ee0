//! What people and programs read of a comparison.

use serde_json::{Value, json};

use super::*;
use crate::model::{
    difference::{Counts, Gone, Probable},
    ids::RowId,
    service::Declared,
    wrap::Wrap,
};

fn source(format: &str, line: u32) -> Source {
    Source { format: format.into(), file: format!("{format}.txt").into(), line, path: None }
}

fn service(name: &str, address: &str, port: u16, owner: &str) -> Service {
    Service {
        row_id: RowId::declared(&format!("{name}{address}:{port}")),
        name: (!name.is_empty()).then(|| name.into()),
        addresses: address.parse().into_iter().collect(),
        port,
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        wrap_declared: false,
        sni: None,
        id_declared: false,
        declared: Arc::new(Declared {
            owner: (!owner.is_empty()).then(|| owner.to_owned()),
            ..Declared::default()
        }),
        sources: [source("csv", u32::from(port))].into(),
    }
}

fn endpoint(address: &str, port: u16, tls: TlsSeen) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        port,
        transport: Transport::Tcp,
        wrap: None,
        tls,
        service: Some("https-alt".into()),
        given: None,
        names: Vec::new(),
        certificate_names: Vec::new(),
        at: None,
        sources: vec![source("nmap", 31)],
    }
}

fn sample() -> Difference {
    let near = Near {
        tie: Tie::Address,
        services: vec![service("", "192.0.2.7", 443, "team-web"), service("", "192.0.2.7", 9443, "team-web")],
        more: 0,
    };
    let mut first = endpoint("192.0.2.7", 8443, TlsSeen::Yes);
    first.names = vec!["web7.example.test".into(), "evil\u{1b}[2J;x".into()];
    first.certificate_names = vec!["=shop;example".into()];
    let mut second = endpoint("2001:db8::1", 993, TlsSeen::Maybe);
    second.given = Some("imap.example.test".into());
    second.wrap = Some(Wrap::Dtls); // TCP does not carry it
    let mut third = endpoint("192.0.2.8", 4433, TlsSeen::Maybe);
    third.transport = Transport::Udp;
    third.given = Some("*bad name".into());
    Difference {
        undeclared: vec![
            Undeclared { found: first, near: Some(near.clone()) },
            Undeclared { found: second, near: None },
            Undeclared { found: third, near: None },
        ],
        probable: vec![Probable {
            found: endpoint("192.0.2.9", 443, TlsSeen::Yes),
            service: service("mail.example.test", "", 443, ""),
        }],
        retired: vec![Retired {
            service: service("old.example.test", "192.0.2.3", 443, "team-old"),
            says: "tag retired".to_owned(),
            found: vec![endpoint("192.0.2.3", 443, TlsSeen::Yes)],
        }],
        gone: vec![Gone {
            service: service("gone.example.test", "192.0.2.4", 443, ""),
            why: Why::Closed {
                addresses: vec!["192.0.2.4".parse().unwrap()],
                scans: vec![("nmap.txt".into(), None)],
            },
        }],
        names: vec![Stray {
            name: "shop.example.test".into(),
            addresses: vec!["192.0.2.7".parse().unwrap()],
            near: Some(near),
            open: vec![(Transport::Tcp, 8443)],
            sources: vec![source("zone", 12)],
        }],
        counts: Counts {
            declared: 9,
            discovered: 7,
            agree: 2,
            probable: 1,
            not_looked_at: 2,
            no_address: 1,
            filtered: 1,
            ..Counts::default()
        },
        declared_by: vec!["services.csv".into()],
        scans: vec!["nmap.txt".into()],
        named_by: vec!["zone.txt".into()],
    }
}

#[test]
fn people_read_the_counts_first_and_how_to_adopt_last() {
    let mut out = Vec::new();
    let words = Words { adopt: Some("allclear inventory adopt x -o y".to_owned()) };
    text(&sample(), &words, &Screen { width: 120, ..Screen::default() }, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let expected = r"3 undeclared (2 maybe TLS), 1 retired and open, 1 gone, 1 name not declared; 3 of 9 declared services found
declared by: services.csv; scans: nmap.txt; names: zone.txt

Undeclared: open, and in no inventory
  192.0.2.7:8443      tls        web7.example.test  nmap.txt:31
      declared on this host: 443, 9443; owner team-web
      certificate: =shop;example
  [2001:db8::1]:993   maybe tls  imap.example.test  nmap.txt:31
  192.0.2.8:4433/udp  maybe tls  *bad name          nmap.txt:31

Probably declared: name and port agree, the address was not known
  192.0.2.9:443  probably mail.example.test:443  -  nmap.txt:31

Retired, and still open
  old.example.test:443  team-old  tag retired  csv.txt:443
      open at 192.0.2.3:443: nmap.txt:31

Gone: declared, and not there
  gone.example.test:443  -  csv.txt:443
      closed on 192.0.2.4, says nmap.txt

Names that no one declared
  shop.example.test  192.0.2.7  zone.txt:12
      declared on this host: 443, 9443; owner team-web

Not looked at by any scan: 2 declared services; 1 of them have no known address
No answer: 1 declared service; a firewall, or gone

To write the 3 undeclared ones as inventory rows to review:
  allclear inventory adopt x -o y
";
    assert_eq!(text, expected);
}

#[test]
fn nothing_forgotten_is_one_line_and_no_section() {
    let mut out = Vec::new();
    let words = Words { adopt: Some("adopt".to_owned()) };
    let difference = Difference { declared_by: vec!["a\u{1b}.csv".into()], ..Difference::default() };
    text(&difference, &words, &Screen::default(), &mut out).unwrap();
    let expected = "0 undeclared, 0 retired and open, 0 gone, 0 names not declared; 0 of 0 declared services found\n\
                    declared by: a\\x1B.csv\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn programs_read_one_document() {
    let mut out = Vec::new();
    json(&sample(), &mut out).unwrap();
    let document: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["schema"], "allclear.diff/1");
    let counts = &document["counts"];
    assert_eq!(
        (&counts["undeclared"], &counts["retired"], &counts["gone"], &counts["names"]),
        (&json!(3), &json!(1), &json!(1), &json!(1))
    );
    assert_eq!((&document["not_looked_at"], &document["filtered"]), (&json!(2), &json!(1)));
    let first = &document["undeclared"][0];
    assert_eq!(first["near"], json!(["192.0.2.7:443", "192.0.2.7:9443"]));
    assert_eq!((&first["near_by"], &first["near_owners"]), (&json!("address"), &json!(["team-web"])));
    assert_eq!(first["sources"], json!([{"format": "nmap", "file": "nmap.txt", "line": 31}]));
    assert_eq!(
        (&first["tls"], &first["transport"], &first["wrap"]),
        (&json!("yes"), &json!("tcp"), &Value::Null)
    );
    assert_eq!(document["gone"][0]["why"]["kind"], "closed");
    assert_eq!(document["retired"][0]["open"][0]["address"], "192.0.2.3");
    assert!(!String::from_utf8(out).unwrap().contains('\u{1b}'));
}

#[test]
fn rows_to_adopt_have_what_an_inventory_takes_and_nothing_that_runs() {
    let csv = |sure| {
        let mut out = Vec::new();
        let rows = adopt(&sample(), sure, &mut out).unwrap();
        (rows, String::from_utf8(out).unwrap())
    };
    let header = "id,name,address,port,transport,wrap,sni,owner,team,env,site,exposure,service_type,tls_stack,issues_tokens,zone,fragile,expect,tags";
    let first = ",,192.0.2.7,8443,tcp,,,,,,,,,,,,,,undeclared;seen=nmap;near=team-web;ptr=web7.example.test;ptr=evil [2J x;certificate==shop example;from=nmap.txt:31";
    let second =
        ",imap.example.test,2001:db8::1,993,tcp,,,,,,,,,,,,,,undeclared;seen=nmap;tls=maybe;from=nmap.txt:31";
    let third = ",,192.0.2.8,4433,udp,dtls,,,,,,,,,,,,,undeclared;seen=nmap;tls=maybe;from=nmap.txt:31";
    assert_eq!(csv(false), (3, format!("{header}\r\n{first}\r\n{second}\r\n{third}\r\n")));
    assert_eq!(csv(true), (1, format!("{header}\r\n{first}\r\n")));
}
