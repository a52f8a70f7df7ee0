//! That what is adopted can be loaded, and what each end of a contact says of a port.

use super::*;
use crate::{
    inventory::{Input, Options, load},
    report::difference::adopt,
};

fn discovered(address: &str, port: u16, transport: Transport, names: &[&str]) -> Discovered {
    Discovered {
        address: address.parse().unwrap(),
        port,
        transport,
        names: names.iter().map(|n| Arc::from(*n)).collect(),
        service: None,
        tls: TlsSeen::Maybe,
        wrap: None,
        certificate_names: vec!["=cmd|' /C calc'!A0".into(), "*.example.test".into()],
        at: None,
        source: Source { format: "nmap".into(), file: "a;b\n\"c\".xml".into(), line: 3, path: None },
    }
}

#[test]
fn declared_and_adopted_together_leave_nothing_undeclared() {
    let declared =
        Input::text("declared.csv", "name,address,port,owner\nweb.example.test,192.0.2.1,443,team;web\n");
    let found = [
        discovered("192.0.2.1", 8443, Transport::Tcp, &["web.example.test", "=1+1", "a,b\"c"]),
        discovered("192.0.2.2", 443, Transport::Tcp, &["xn--wgv71a.example.test"]),
        discovered("192.0.2.2", 4433, Transport::Udp, &[]),
        discovered("2001:db8::5", 25, Transport::Tcp, &["-bad-", "\u{65e5}.example"]),
        discovered("192.0.2.3", 5432, Transport::Tcp, &["10.1", "0x7f000001"]),
    ];
    // Every hostile name also as one that people gave the scan.
    for given in
        [None, Some("given.example.test"), Some("=1+1"), Some("10.1"), Some("a b"), Some("_x.example.test")]
    {
        let sides = |loaded: &Loaded| -> Difference {
            let mut sides = Sides::of(loaded);
            sides.discovered = found.to_vec();
            if let Some(given) = given {
                let places = found.iter().map(|d| (d.address, d.transport, d.port));
                sides.given = places.map(|place| (place, given.into())).collect();
            }
            diff::compare(&sides)
        };
        let before = sides(&load(std::slice::from_ref(&declared), &[], &Options::default()).unwrap());
        assert_eq!(before.undeclared.len(), 5, "{given:?}");
        let mut csv = Vec::new();
        assert_eq!(adopt(&before, false, &mut csv).unwrap(), 5);
        let inputs = [declared.clone(), Input::text("adopted.csv", csv)];
        let loaded = load(&inputs, &[], &Options::default()).unwrap();
        assert_eq!(loaded.bad, [], "{given:?}");
        assert_eq!((loaded.rows, loaded.services.len()), (6, 6));
        let after = sides(&loaded);
        assert_eq!((after.undeclared.len(), after.counts.agree), (0, 5), "{given:?}");
        // All columns are known ones: none came back as a tag.
        let tags = loaded.services.iter().flat_map(|s| &s.declared.tags);
        let known = ["undeclared", "seen=", "tls=", "near=", "ptr=", "certificate=", "from="];
        for tag in tags {
            assert!(known.iter().any(|k| tag.starts_with(k)), "{tag}");
        }
    }
}
