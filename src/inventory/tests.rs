//! Loading as a whole, as a user meets it: files in; services, bad rows and disagreements out.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{
    ids::RowId,
    service::{Exposure, Service, TlsStack},
    wrap::{Transport, Wrap},
};

fn text(name: &str, text: impl AsRef<[u8]>) -> Input {
    Input::text(name, text.as_ref())
}

fn loaded(csv: impl AsRef<[u8]>) -> Loaded {
    load(&[text("t.csv", csv)], &[], &Options::default()).expect("a file with good rows")
}

fn failure(csv: impl AsRef<[u8]>) -> String {
    load(&[text("t.csv", csv)], &[], &Options::default()).expect_err("a file that is refused").to_string()
}

fn summary(service: &Service) -> String {
    let addresses: Vec<String> = service.addresses.iter().map(ToString::to_string).collect();
    format!("{} {} {} [{}]", service.place(), service.transport, service.wrap, addresses.join(" "))
}

fn summaries(loaded: &Loaded) -> Vec<String> {
    loaded.services.iter().map(summary).collect()
}

fn bad(loaded: &Loaded) -> Vec<String> {
    loaded.bad.iter().map(ToString::to_string).collect()
}

#[test]
fn the_samples_load_without_a_fault() {
    let path = |name: &str| Input::Path(std::path::Path::new("inventory").join(name));
    let loaded =
        load(&[path("services.csv"), path("secrets.csv")], &[], &Options::default()).expect("the samples");
    assert_eq!((bad(&loaded), loaded.disagreements.clone(), loaded.faults()), (vec![], vec![], 0));
    assert_eq!(loaded.rows, 14 + 6);
    assert_eq!((loaded.services.len(), loaded.merged, loaded.secrets.len()), (15, 1, 6));
    let balancer =
        loaded.services.iter().find(|s| s.row_id == RowId::declared("lb-www")).expect("the balancer");
    assert_eq!(balancer.addresses.len(), 2);
    assert_eq!(balancer.sources.iter().map(|s| s.line).collect::<Vec<_>>(), [4, 5]);
    let printer =
        loaded.services.iter().find(|s| s.display_name() == "prn-3.example.test").expect("the printer");
    assert!(scope::is_fragile(printer));
    assert!(
        loaded.secrets.iter().all(|s| !s.services.is_empty() && s.unresolved.is_empty()),
        "{:?}",
        loaded.secrets
    );

    let hosts = load(&[path("hosts.txt")], &[], &Options::default()).expect("the sample");
    assert_eq!((bad(&hosts), hosts.rows, hosts.services.len()), (vec![], 10, 13));
    let both = load(&[path("services.csv"), path("hosts.txt")], &[path("secrets.csv")], &Options::default())
        .expect("both");
    assert_eq!(both.merged, 1 + 3, "web02:8443, mx1 and xmpp are in both files");
}

#[test]
fn a_row_becomes_a_service_with_everything_it_says() {
    let loaded = loaded(
        "id,name,address,port,transport,wrap,sni,owner,team,env,site,exposure,service_type,tls_stack,issues_tokens,zone,fragile,expect,tags,Rack Unit\n\
         web-1,WEB01.example.test.,192.0.2.11,8443,TCP,TLS,WWW.example.test,ops,web,prod,fra1,Public,https,openssl-static,YES,dmz,0,https 200 /,a; b ;a,12\n",
    );
    let [service] = loaded.services.as_slice() else { panic!("{loaded:?}") };
    assert_eq!(summary(service), "web01.example.test:8443 tcp tls [192.0.2.11]");
    assert_eq!((service.row_id.as_str(), service.id_declared, service.wrap_declared), ("web-1", true, true));
    assert_eq!(service.sni.as_deref(), Some("www.example.test"));
    let declared = &service.declared;
    assert_eq!((service.exposure(), service.tls_stack()), (Exposure::Public, TlsStack::OpensslStatic));
    assert_eq!((declared.issues_tokens, declared.fragile), (Some(true), Some(false)));
    assert_eq!(declared.tags, ["a", "b", "Rack Unit=12"]);
    assert_eq!(declared.expect.as_deref(), Some("https 200 /"));
    assert_eq!(
        *service.sources,
        [crate::model::service::Source { format: "csv".into(), file: "t.csv".into(), line: 2, path: None }]
    );
}

#[test]
fn the_row_id_is_the_published_one_and_the_port_decides_the_wrap() {
    let loaded = loaded("name,port\nWeb01.example.test,443\nmail,25\nmail,5222\nmail,8443\n");
    assert_eq!(loaded.services[0].row_id.as_str(), "svc-2wyf2llav7a7");
    let wraps: Vec<Wrap> = loaded.services.iter().map(|s| s.wrap).collect();
    assert_eq!(wraps, [Wrap::Tls, Wrap::Smtp, Wrap::XmppClient, Wrap::Tls]);
    assert!(loaded.services.iter().all(|s| !s.wrap_declared));

    let options =
        Options { wrap: Some(Wrap::Dtls), default_ports: vec![5349, 443, 443], ..Options::default() };
    let forced = load(&[text("l", "turn1\n")], &[], &options).expect("a list");
    assert_eq!(summaries(&forced), ["turn1:443 udp dtls []", "turn1:5349 udp dtls []"]);
}

#[test]
fn ports_and_networks_are_expanded_and_share_what_they_declare() {
    let loaded = loaded(
        "name,address,port,owner\nweb01,,443;8443,ops\n,192.0.2.0/30,25;443,ops\n,2001:db8::/127,443,ops\n",
    );
    assert_eq!(
        summaries(&loaded),
        [
            "web01:443 tcp tls []",
            "web01:8443 tcp tls []",
            "192.0.2.0:25 tcp starttls-smtp [192.0.2.0]",
            "192.0.2.0:443 tcp tls [192.0.2.0]",
            "192.0.2.1:25 tcp starttls-smtp [192.0.2.1]",
            "192.0.2.1:443 tcp tls [192.0.2.1]",
            "192.0.2.2:25 tcp starttls-smtp [192.0.2.2]",
            "192.0.2.2:443 tcp tls [192.0.2.2]",
            "192.0.2.3:25 tcp starttls-smtp [192.0.2.3]",
            "192.0.2.3:443 tcp tls [192.0.2.3]",
            "[2001:db8::]:443 tcp tls [2001:db8::]",
            "[2001:db8::1]:443 tcp tls [2001:db8::1]",
        ]
    );
    let (first, last) = (&loaded.services[2], &loaded.services[9]);
    assert!(Arc::ptr_eq(&first.declared, &last.declared) && Arc::ptr_eq(&first.sources, &last.sources));
    assert_eq!((loaded.rows, loaded.expanded, loaded.merged), (3, 12, 0));
}

#[test]
fn bad_rows_point_at_the_field_and_the_rest_goes_on() {
    let header = "id,name,address,port,transport,wrap,sni,exposure,tls_stack,fragile,issues_tokens\n";
    let table: &[(&str, &str, &str)] = &[
        (",,,443,,,,,,,", "2:2", "needs a name or an address"),
        (",web 01,,443,,,,,,,", "2:2", "not a host name"),
        (",bücher.example,,443,,,,,,,", "2:2", "xn--"),
        (",web01,192.0.2.5/24,443,,,,,,,", "2:8", "host bits"),
        (",web01,192.0.2.0/24,443,,,,,,,", "2:8", "a name is one service"),
        ("x,,192.0.2.0/24,443,,,,,,,", "2:1", "an id is one row"),
        ("x,web01,,443;8443,,,,,,,", "2:1", "an id is one row"),
        ("a;b,web01,,443,,,,,,,", "2:1", "separates ids"),
        (",192.0.2.1,192.0.2.2,443,,,,,,,", "2:2", "another one than the address column"),
        (",web01,,70000,,,,,,,", "2:9", "1 to 65535"),
        (",web01,,8000-8010,,,,,,,", "2:9", "ranges are not read"),
        (",web01,,443,sctp,,,,,,", "2:13", "expected one of: tcp, udp"),
        (",web01,,443,,ssl,,,,,", "2:14", "is not a known wrap"),
        (",web01,,443,udp,tls,,,,,", "2:13", "dtls, stun or turn"),
        (",web01,,443,tcp,dtls,,,,,", "2:13", "carried by udp"),
        (",web01,,443,,,192.0.2.1,,,,", "2:15", "RFC 6066"),
        (",web01,,443,,,,open,,,", "2:16", "public, partner, internal, unknown"),
        (",web01,,443,,,,,gnutls,,", "2:17", "openssl-dynamic"),
        (",web01,,443,,,,,,maybe,", "2:18", "expected yes, no"),
        (",web01,,443,,,,,,,2", "2:19", "expected yes, no"),
        (",web01,,443", "2:12", "4 fields and the header has 11"),
        (",web01,,443,,,,,,,,x", "2:20", "12 fields and the header has 11"),
        (",\"we\u{0}b\",,443,,,,,,,", "2:2", "control character"),
    ];
    for (row, place, message) in table {
        let got = loaded(format!("{header}{row}\n,good,,443,,,,,,,\n"));
        let [one] = bad(&got).try_into().unwrap_or_else(|all| panic!("row {row:?} gave {all:?}"));
        let one: String = one;
        assert!(
            one.starts_with(&format!("t.csv:{place}: ")) && one.contains(message),
            "row {row:?} gave {one:?}"
        );
        assert_eq!(summaries(&got), ["good:443 tcp tls []"], "row {row:?}");
        assert_eq!(got.rows, 2, "row {row:?}");
    }
}

#[test]
fn bytes_that_are_no_text_cost_their_row() {
    let mut csv = b"\xef\xbb\xbfname,port,note\r\nweb01,443,\r\nw\xffb02,443,\r\nweb03,443,a\xc3\r\nweb04,443,\"two\r\nlines\"\r\nweb05,x,\r\n".to_vec();
    csv.extend_from_slice(b"big,443,");
    csv.extend(std::iter::repeat_n(b'x', 10 << 20));
    csv.extend_from_slice(b"\r\nweb06,443,\r\n");
    let loaded = loaded(csv);
    let names: Vec<String> = loaded.services.iter().map(Service::display_name).collect();
    assert_eq!(names, ["web01", "web04", "web06"]);
    assert_eq!(loaded.services[1].declared.tags, ["note=two\r\nlines"]);
    let bad = bad(&loaded);
    assert_eq!(bad.len(), 4, "{bad:?}");
    for (got, want) in bad.iter().zip([
        "t.csv:3:1: `name` is not UTF-8",
        "t.csv:4:11: `note` is not UTF-8",
        "t.csv:7:7: `x` is not a port",
        "t.csv:8:9: `note` has 10485760 bytes",
    ]) {
        assert!(got.starts_with(want), "{got}");
    }
}

#[test]
fn a_forgotten_quote_costs_one_row() {
    let table: &[(&str, &[&str], &str)] = &[
        ("name,owner\na,\"ops\nb,ops\nc,ops\n", &["b", "c"], "t.csv:2:3: a quote opens here"),
        ("name,owner\na,\"ops\nb,ops\nc,\"ops\"\n", &["b", "c"], "t.csv:2:3: a quote opens here"),
        // The next quote closes it without a fault of its own; the line end in `owner` gives it away.
        (
            "name,owner\na,\"ops\nb,ops\nc,ops\"\nd,ops\n",
            &["b", "c", "d"],
            "t.csv:2:3: `owner` has the control character",
        ),
        (
            "name,note,owner\na,\"ops,x\nb,ops,x\nc,ops\",x,x\nd,,x\n",
            &["b", "d"],
            "t.csv:2:3: the row has 4 fields",
        ),
    ];
    for (csv, names, first) in table {
        let got = loaded(csv);
        let found: Vec<String> = got.services.iter().map(Service::display_name).collect();
        assert_eq!(found, *names, "input {csv:?}: {:?}", bad(&got));
        assert!(bad(&got)[0].starts_with(first), "input {csv:?} gave {:?}", bad(&got));
    }
}

#[test]
fn whole_files_are_refused_with_a_place() {
    let table: &[(&str, &str)] = &[
        ("machine,port\nweb01,443\n", "t.csv:1:1: the header has neither `name` nor `address`"),
        ("name,DB-Password\nweb01,hunter2\n", "t.csv:1:6: a column named `db_password`"),
        ("name,api key\nweb01,hunter2\n", "t.csv:1:6: a column named `api_key`"),
        ("name,port,Name\nweb01,443,x\n", "t.csv:1:11: column 3 is named `Name` like column 1"),
        (
            "name,Private Key\nweb01,x\n",
            "t.csv:1:6: a column named `private_key`: this file is refused whole",
        ),
        ("secret_id,type,password\ns,C1,hunter2\n", "t.csv:1:16: a column named `password`"),
        ("name,port\n", "holds no row"),
        ("secret_id,type,services\na,C1,web01\n", "no input holds a service"),
        ("", "holds no row"),
        ("# nothing\n\n", "holds no row"),
        ("name,port\nweb 01,443\nweb02,x\n", "every row is bad (2 in all)\n  t.csv:2:1: "),
        ("\u{feff}{\"what\":\"web01\"}", "JSON"),
    ];
    for (csv, message) in table {
        let got = failure(csv);
        assert!(got.contains(message) && !got.contains("hunter2"), "input {csv:?} gave {got:?}");
    }
    assert!(failure(b"\xff\xfen\0a\0m\0e\0").contains("UTF-16"));
    let missing = load(&[Input::Path("no/such/file".into())], &[], &Options::default()).expect_err("missing");
    assert!(missing.to_string().starts_with("no/such/file: cannot be read"), "{missing}");
    let folder = load(&[Input::Path("src".into())], &[], &Options::default()).expect_err("a folder");
    assert!(folder.to_string().starts_with("src: cannot be read"), "{folder}");
}

#[test]
fn asset_lists_may_call_the_host_by_another_name() {
    let got = loaded("Hostname,IP Address,Port\nweb01,192.0.2.7,8443\n");
    let service = &got.services[0];
    assert_eq!((service.name.as_deref(), service.port), (Some("web01"), 8443), "{:?}", bad(&got));
    assert_eq!(service.addresses[0].to_string(), "192.0.2.7");
    // Where our own column is there, theirs is one more tag.
    let got = loaded("name,host\nweb01,blade7\n");
    assert_eq!(got.services[0].declared.tags, ["host=blade7"]);
}

#[test]
fn strict_returns_every_bad_row() {
    let options = Options { strict: true, ..Options::default() };
    let inputs = [text("a.csv", "name,port\nweb01,443\nweb02,x\nweb03,y\n"), text("b.txt", "ok\nnot ok\n")];
    let error = load(&inputs, &[], &options).expect_err("strict");
    assert_eq!(error.bad_rows().len(), 3);
    assert!(error.to_string().contains("a.csv:3:7") && error.to_string().contains("b.txt:2:4"), "{error}");
    assert_eq!(load(&inputs, &[], &Options::default()).expect("not strict").bad.len(), 3);
}

#[test]
fn a_list_takes_one_host_a_line() {
    let list = b"# hosts\n\n  web01.example.test  \nweb02:8443 # note\r\n[2001:db8::1]:993\n2001:db8::2\n[2001:db8::3]\n192.0.2.8/31\n192.0.2.1:25\n\
        web03 web04\nweb05,web06\nhttps://web07/\nweb08:0\n192.0.2.0/24:443\nw\xffb\n:443\nweb09:\n";
    let got = load(&[text("-", list)], &[], &Options::default()).expect("good lines");
    assert_eq!(
        summaries(&got),
        [
            "web01.example.test:443 tcp tls []",
            "web02:8443 tcp tls []",
            "[2001:db8::1]:993 tcp tls [2001:db8::1]",
            "[2001:db8::2]:443 tcp tls [2001:db8::2]",
            "[2001:db8::3]:443 tcp tls [2001:db8::3]",
            "192.0.2.8:443 tcp tls [192.0.2.8]",
            "192.0.2.9:443 tcp tls [192.0.2.9]",
            "192.0.2.1:25 tcp starttls-smtp [192.0.2.1]",
        ]
    );
    let expected = [
        ("-:10:6: ", "white space"),
        ("-:11:6: ", "a comma"),
        ("-:12:1: ", "URL"),
        ("-:13:7: ", "1 to 65535"),
        ("-:14:1: ", "not a CIDR"),
        ("-:15:2: ", "UTF-8"),
        ("-:16:1: ", "it is empty"),
        ("-:17:7: ", "1 to 65535"),
    ];
    let bad = bad(&got);
    assert_eq!(bad.len(), expected.len(), "{bad:#?}");
    for (got, (place, message)) in bad.iter().zip(expected) {
        assert!(got.starts_with(place) && got.contains(message), "{got}");
    }
    assert_eq!(got.services[0].sources[0].line, 3);
    assert_eq!(&*got.services[0].sources[0].format, "list");
}

#[test]
fn rows_about_one_service_become_one() {
    let got = loaded(
        "name,address,port,owner,env,tags,fragile\n\
         lb,192.0.2.1,443,ops,,a,no\n\
         lb,192.0.2.2,443,,prod,b,\n\
         LB,192.0.2.1,443,dev,prod,a,yes\n\
         ,192.0.2.1,443,,,,\n",
    );
    assert_eq!(
        summaries(&got),
        ["lb:443 tcp tls [192.0.2.1 192.0.2.2]", "192.0.2.1:443 tcp tls [192.0.2.1]"]
    );
    assert_eq!((got.rows, got.expanded, got.merged), (4, 4, 2));
    let lb = &got.services[0];
    assert_eq!(lb.sources.iter().map(|s| s.line).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!((lb.owner(), lb.declared.env.as_deref()), (Some("ops"), Some("prod")));
    assert_eq!(lb.declared.tags, ["a", "b"]);
    assert_eq!(lb.declared.fragile, Some(true), "who says fragile is believed");
    let listed: Vec<String> = got.disagreements.iter().map(ToString::to_string).collect();
    let id = &lb.row_id;
    assert_eq!(
        listed,
        [
            format!("t.csv:4: owner of {id} is `dev` here and `ops` at t.csv:2; `ops` stands"),
            format!("t.csv:2: fragile of {id} is `no` here and `yes` at t.csv:4; `yes` stands"),
        ]
    );
    let shared: Vec<_> = got.notices.iter().filter(|n| n.kind == NoticeKind::SharedAddress).collect();
    assert_eq!(shared.len(), 1, "the address row and the named one stay apart and are told");
    assert!(shared[0].message.contains("lb at t.csv:2") || shared[0].message.contains("lb"), "{}", shared[0]);
}

#[test]
fn a_network_listed_twice_is_merged_and_told_once() {
    let got = loaded("address,port,owner,env\n10.0.0.0/20,443,ops,\n10.0.0.0/20,443,dev,prod\n");
    assert_eq!((got.services.len(), got.merged, got.disagreements.len()), (4096, 4096, 1));
    assert!(got.disagreements[0].to_string().ends_with("(and 4095 more services of these lines)"));
    let (first, last) = (&got.services[0].declared, &got.services[4095].declared);
    assert!(Arc::ptr_eq(first, last), "the merged declarations are shared, too");
    assert_eq!((first.owner.as_deref(), first.env.as_deref()), (Some("ops"), Some("prod")));
}

#[test]
fn an_id_names_one_service() {
    let got = loaded("id,name,port\nweb,web01,443\nweb,web02,443\nweb,web01,8443\nweb,WEB01,443\n");
    assert_eq!((summaries(&got), got.merged), (vec!["web01:443 tcp tls []".to_owned()], 1));
    assert_eq!(bad(&got).len(), 2);
    assert!(
        bad(&got)[0].starts_with("t.csv:3:1: the id `web` belongs to web01:443 at t.csv:2"),
        "{:?}",
        bad(&got)
    );
    // A derived id of another service, given as an id.
    let got = loaded("id,name,port\n,web01.example.test,443\nsvc-2wyf2llav7a7,other,443\n");
    assert_eq!((got.services.len(), bad(&got).len()), (1, 1));
    let got = loaded("id,name,port\n,web01,443\nweb,web01,443\nweb-b,web01,443\n");
    let told: Vec<_> = got.notices.iter().filter(|n| n.kind == NoticeKind::SameService).collect();
    assert_eq!((got.services.len(), told.len(), got.faults()), (3, 2, 2), "{told:?}");
}

#[test]
fn too_many_addresses_stop_the_load_at_their_line() {
    let huge = "address,port\n192.0.2.1,443\n10.0.0.0/11,443\n";
    let error = failure(huge);
    assert!(error.starts_with("t.csv:3:1: ") && error.contains("--scope"), "{error}");
    let all = "# everything\n::/0\n";
    let options = Options { allow_huge: true, ..Options::default() };
    let error = load(&[text("l", all)], &[], &options).expect_err("beyond any limit").to_string();
    assert!(error.starts_with("l:2:1: ") && error.contains("16777216"), "{error}");
    let one_too_many = "192.0.2.1\n10.0.0.0/12\n";
    let error = load(&[text("l", one_too_many)], &[], &Options::default()).expect_err("one too many");
    assert!(error.to_string().starts_with("l:2:1: "), "{error}");
}

#[test]
fn secrets_find_their_services() {
    let services = "id,name,address,port\ndb,db1.example.test,,5432\n,web01.example.test,192.0.2.11,443;8443\n,,2001:db8::1,993\n";
    let secrets = "secret_id,type,services,owner,location,issued_at,runbook\n\
        a,c7,db;web01.example.test:8443,ops,vault:x,2026-01-02,\"one\ntwo\"\n\
        b,my-own,WEB01.example.test;[2001:db8::1]:993,,,,\n\
        c,C1,192.0.2.11:443;nowhere;db1.example.test:1;db,,,,\n\
        d,C1,,,,,\n\
        a,C1,db,,,,\n\
        ,C1,db,,,,\n\
        e,,db,,,,\n\
        f,C1,db,,,hunter2,\n";
    for inputs in [
        (vec![text("s.csv", services), text("x.csv", secrets)], vec![]),
        (vec![text("s.csv", services)], vec![text("x.csv", secrets)]),
    ] {
        let got = load(&inputs.0, &inputs.1, &Options::default()).expect("good rows");
        let id = |port: u16| {
            got.services.iter().find(|s| s.port == port).map(|s| s.row_id.clone()).expect("a service")
        };
        let of = |name: &str| got.secrets.iter().find(|s| s.id == name).expect("a secret");
        let sorted = |mut ids: Vec<RowId>| {
            ids.sort();
            ids
        };
        assert_eq!(of("a").services, sorted(vec![id(5432), id(8443)]));
        assert_eq!((of("a").kind.as_str(), of("a").runbook.as_deref()), ("C7", Some("one\ntwo")));
        assert_eq!(of("b").services, sorted(vec![id(443), id(8443), id(993)]));
        assert_eq!(of("c").services, sorted(vec![id(443), id(5432)]));
        assert_eq!(of("c").unresolved, ["nowhere", "db1.example.test:1"]);
        let kinds: Vec<NoticeKind> = got.notices.iter().map(|n| n.kind).collect();
        assert_eq!(
            kinds,
            [NoticeKind::UnresolvedService, NoticeKind::UnresolvedService, NoticeKind::SecretWithoutService]
        );
        let bad = bad(&got);
        let expected = [
            "x.csv:7:1: secret_id `a` is at x.csv:2 already",
            "x.csv:8:1: secret_id is empty",
            "x.csv:9:3: type is empty",
            "x.csv:10:11: issued_at is not a time",
        ];
        assert_eq!(bad.len(), expected.len(), "{bad:?}");
        for (got, want) in bad.iter().zip(expected) {
            assert!(got.starts_with(want) && !got.contains("hunter2"), "{got}");
        }
    }
    let error = load(&[text("s.csv", services)], &[text("x.csv", "id,kind\na,b\n")], &Options::default())
        .expect_err("no secret_id");
    assert!(error.to_string().contains("no `secret_id`"), "{error}");
}

#[test]
fn secrets_name_their_way_out_and_what_the_network_shows_of_them() {
    let services = "id,name,address,port\ndb,db1.example.test,,5432\nweb-a,web01.example.test,192.0.2.11,443\nweb-b,web01.example.test,192.0.2.11,8443\nsix,,2001:db8::1,993\n";
    let secrets = "secret_id,type,services,delivered_through,check\n\
        a,C1,db,web01.example.test;nowhere,\n\
        b,B2,db,,ticket-key web01.example.test; ticket-key six ;ticket-key lb.example.test:443\n\
        c,D4,db,web-b,jwks https://id.example.test/jwks kid-2014;ssh-host-key web-a SHA256:abc\n\
        d,D6,db,,dkim\n\
        e,D6,db,,pin hunter2\n\
        f,D4,db,,jwks http://id.example.test/jwks\n";
    let got =
        load(&[text("s.csv", services)], &[text("x.csv", secrets)], &Options::default()).expect("good rows");
    let of = |name: &str| got.secrets.iter().find(|s| s.id == name).expect("a secret");
    let rows = |ids: &[RowId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(rows(&of("a").delivered_through), ["web-a", "web-b"]);
    assert_eq!(
        (rows(&of("a").services), of("a").unresolved.as_slice()),
        (vec!["db".to_owned()], &["nowhere".to_owned()][..])
    );
    assert!(got.notices.iter().any(|n| n.kind == NoticeKind::UnresolvedService), "{:?}", got.notices);
    assert_eq!(rows(&of("c").delivered_through), ["web-b"]);
    let checks = |name: &str| of(name).checks.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        checks("b"),
        [
            "ticket-key web01.example.test:443",
            "ticket-key web01.example.test:8443",
            "ticket-key [2001:db8::1]:993",
            "ticket-key lb.example.test:443"
        ]
    );
    assert_eq!(
        checks("c"),
        ["jwks https://id.example.test/jwks kid-2014", "ssh-host-key web01.example.test:22 SHA256:abc"]
    );
    let bad = bad(&got);
    let expected = [
        "x.csv:5:10: check 1 of this row cannot be read",
        "x.csv:6:10: ",
        "x.csv:7:10: check 1 of this row names no https",
    ];
    assert_eq!(bad.len(), expected.len(), "{bad:?}");
    for (got, want) in bad.iter().zip(expected) {
        assert!(got.starts_with(want) && !got.contains("hunter2"), "{got}");
    }
    // They are a part of what was declared, and an inventory without them keeps its digest.
    let mut other = got.secrets.clone();
    other[0].delivered_through.pop();
    assert_ne!(digest(&got.services, &got.secrets), digest(&got.services, &other));
    other = got.secrets.clone();
    other[1].checks.reverse();
    assert_eq!(digest(&got.services, &got.secrets), digest(&got.services, &other));
}

#[test]
fn notices_tell_contradictions() {
    let got = loaded("name,port,wrap\na,443,starttls-smtp\nb,25,\nc,465,tls\n");
    let told: Vec<String> = got.notices.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["t.csv:2: port 443 usually has wrap tls, and starttls-smtp is declared"]);
    assert_eq!(got.faults(), 0, "worth knowing, and may be right");
}

#[test]
fn the_digest_knows_an_inventory_again() {
    let one =
        loaded("name,address,port,owner,tags\na,192.0.2.1,443,ops,x;y\na,192.0.2.2,443,,\nb,,443,dev,\n");
    let other_order =
        loaded("name,address,port,tags,owner\nb,,443,,dev\na,192.0.2.2,443,,\na,192.0.2.1,443,y;x,ops\n");
    let digest_of = |l: &Loaded| digest(&l.services, &l.secrets);
    assert_eq!(digest_of(&one), digest_of(&other_order));
    for changed in [
        "name,address,port,owner,tags\na,192.0.2.1,443,ops,x;y\na,192.0.2.3,443,,\nb,,443,dev,\n",
        "name,address,port,owner,tags\na,192.0.2.1,443,ops,x;y\na,192.0.2.2,443,,\nb,,443,ops,\n",
    ] {
        assert_ne!(digest_of(&one), digest_of(&loaded(changed)), "{changed}");
    }
    assert_ne!(digest_of(&one), digest(&one.services[..1], &[]));
}

#[test]
fn fuzzing_holds_on_hostile_files() {
    let cases: &[&[u8]] = &[
        b"",
        b"\n",
        b"\"",
        b"name\n\"",
        b"name,port\n,,,\n\"a\"b,443\n",
        b"secret_id,type\na,b\na,b\n",
        b"\xef\xbb\xbf",
        b"name\ra\rb",
        b"name\na\rb\n",
        b"name,address\n,192.0.2.0/28\na,192.0.2.0/28\n",
        b"*.example.test\n192.0.2.0/24\n",
        b"secret_id,secret\n",
        b"name,,\na,b,c\n",
        b"[\n",
        b"[::1]:\n",
        b"#\n#",
        b"name,port\na,\"4\n43\"\nb,443\n",
        b"\0\0\0",
        b"id,address\n1,192.0.2.1\n1,192.0.2.2\n",
    ];
    for case in cases {
        fuzz(case);
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-d]{1,2}",
        Just("192.0.2.1".to_owned()),
        Just("192.0.2.0/30".to_owned()),
        Just("443".to_owned()),
        Just("25;443".to_owned()),
        Just("a\nb".to_owned()),
        Just("say \"x\"".to_owned()),
        Just("yes".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// However rows look, each written row is loaded, merged or bad: none is lost.
    #[test]
    fn every_row_is_accounted_for(rows in prop::collection::vec((cell(), cell(), cell(), cell(), cell()), 1..20)) {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(["name", "address", "port", "id", "note"]).expect("memory");
        for (name, address, port, id, note) in &rows {
            csv.write_record([name, address, port, id, note]).expect("memory");
        }
        let blank = rows.iter().filter(|r| [&r.0, &r.1, &r.2, &r.3, &r.4].iter().all(|c| c.is_empty())).count() as u64;
        let text = csv.into_inner().expect("memory");
        // A line end in one of our columns makes the lines after it be read again as rows.
        let split = rows.iter().any(|r| [&r.0, &r.1, &r.2, &r.3].iter().any(|c| c.contains('\n')));
        let (services, merged, bad, expanded, read) = match load(&[super::tests::text("p", &text)], &[], &Options::default()) {
            Ok(l) => (l.services.len() as u64, l.merged, l.bad.len() as u64, l.expanded, l.rows),
            Err(Error::WhollyBad { bad, .. }) => (0, 0, bad.len() as u64, 0, bad.len() as u64),
            Err(Error::Empty { .. }) => (0, 0, 0, 0, 0),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        prop_assert_eq!(services + merged, expanded);
        prop_assert!(split || read == rows.len() as u64 - blank, "{} rows read of {}", read, rows.len());
        prop_assert!(read >= rows.len() as u64 - blank);
        prop_assert!(expanded >= read - bad, "each good row stands for a service");
        // Where each row is one service, the sums agree exactly.
        let single = rows.iter().all(|r| !r.1.contains('/') && !r.2.contains(';'));
        prop_assert!(!single || expanded + bad == read, "{} + {} is not {}", expanded, bad, read);
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz(&data);
    }

    #[test]
    fn any_csv_like_text_is_survived(data in "(name|address|secret_id|port|id|services)(,(name|port|id|type|services|x)){0,3}\n([a-c\"0-9;:.,/\n\r# ]{0,12}\n){0,8}") {
        fuzz(data.as_bytes());
    }
}

#[test]
fn transports_follow_wraps() {
    let got = loaded("name,port,transport,wrap\na,3478,,turn\nb,3478,tcp,stun\nc,5349,udp,dtls\nd,5349,,\n");
    let transports: Vec<Transport> = got.services.iter().map(|s| s.transport).collect();
    assert_eq!(transports, [Transport::Udp, Transport::Tcp, Transport::Udp, Transport::Tcp]);
}
