//! From a leaking server to the revoked certificate, through the binary: a real vulnerable server, its repair on a new
//! key, and a test authority that revokes the old certificate by CRL, by OCSP, or does not answer.

use std::{path::Path, process::Command};

use crate::support::{
    HANG, Work,
    ca::{Ca, Files, Issued, Reply},
    certs::Identity,
    free_port, fresh_address,
    peers::{self, Server, need},
    run_with_limit,
};

/// Key and chain as a server of 2013 reads them.
fn identity(work: &Work, ca: &Ca, issued: &Issued, name: &str) -> Identity {
    let mut chain = std::fs::read(&issued.pem).unwrap();
    chain.extend(std::fs::read(ca.intermediate_pem()).unwrap());
    let certificate = work.write(&format!("{name}.pem"), chain);
    let key = work.path(&format!("{name}.key"));
    let mut convert = Command::new("openssl");
    convert.args(["rsa", "-traditional", "-in"]).arg(&issued.key).arg("-out").arg(&key);
    run_with_limit(&mut convert, b"", HANG).expect_code(0);
    Identity { key, certificate }
}

struct Shop {
    name: &'static str,
    address: std::net::IpAddr,
    port: u16,
    old: Issued,
    new: Issued,
}

fn inventory(shops: &[Shop]) -> String {
    let mut text = "id,name,address,port\n".to_owned();
    for shop in shops {
        text.push_str(&format!("{n},{n},{},{}\n", shop.address, shop.port, n = shop.name));
    }
    text
}

/// One shop with the certificate given. `name`: of the files of this run.
fn serve(node: &Path, work: &Work, ca: &Ca, shop: &Shop, issued: &Issued, name: &str) -> Server {
    let folder = work.path(name);
    std::fs::create_dir(&folder).unwrap();
    let mut identity = identity(work, ca, issued, &format!("{name}-chain"));
    // The server's script is written beside its key.
    let key = folder.join("key");
    std::fs::rename(&identity.key, &key).unwrap();
    identity.key = key;
    Server::node_at(node, &identity, "{}", shop.address, shop.port)
}

#[test]
fn an_old_certificate_is_followed_until_its_authority_says_revoked() {
    let (bad, good) = (need!(peers::node_vulnerable()), need!(peers::node_safe()));
    let work = Work::new();
    let ca = Ca::rsa();
    let files = Files::new();
    let crl = files.put("/ca.crl", Reply::Body(ca.crl()));
    let ocsp_port = free_port();
    let ocsp = format!("http://127.0.0.1:{ocsp_port}/");
    let dead = format!("http://127.0.0.1:{}/", free_port());
    let sources: [(&str, &[&str], &[&str]); 4] = [
        ("crl.test", &[&crl], &[]),
        ("ocsp.test", &[], &[&ocsp]),
        ("dead.test", &[], &[&dead]),
        ("kept.test", &[&crl], &[]),
    ];
    let shops: Vec<Shop> = sources
        .into_iter()
        .map(|(name, crl, ocsp)| Shop {
            name,
            address: fresh_address(),
            port: free_port(),
            old: ca.issue(name, crl, ocsp),
            new: ca.issue(name, crl, ocsp),
        })
        .collect();
    let list = work.write("services.csv", inventory(&shops));
    let (list, root) = (list.to_str().unwrap(), ca.root_pem());
    let sweep = ["sweep", list, "--trust", root.to_str().unwrap(), "--probe-timeout", "2s"];

    let old = |s: &Shop| serve(&bad, &work, &ca, s, &s.old, &format!("{}-old", s.name));
    let servers: Vec<Server> = shops.iter().map(old).collect();
    work.ok(&[&sweep[..], &["--offline"]].concat());
    assert!(files.asked().is_empty(), "--offline asks nobody: {:?}", files.asked());
    let responder = ca.responder(ocsp_port, None);
    let said = work.ok(&sweep).err();
    assert!(said.contains("Revocation of 4 certificates on keys at risk, by CRL and OCSP: 0 revoked, 3 still good, 1 unknown"), "{said}");
    drop((servers, responder));

    // The repair: new keys, and the old certificates revoked, but for one that was forgotten.
    let new = |s: &Shop| serve(&good, &work, &ca, s, &s.new, &format!("{}-new", s.name));
    let servers: Vec<Server> = shops.iter().map(new).collect();
    for shop in shops.iter().filter(|s| s.name != "kept.test") {
        ca.revoke(&shop.old, "keyCompromise");
    }
    work.ok(&["attest", "--facet", "patched", "--reference", "CHG-1", "--service", "crl.test"]);
    work.ok(&["attest", "--facet", "revoked", "--reference", "CA-7", "--service", "kept.test"]);
    // A list speaks of whole seconds, and one that is older than the word would not deny it.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    files.put("/ca.crl", Reply::Body(ca.crl()));
    let responder = ca.responder(ocsp_port, None);
    let said = work.ok(&sweep).err();
    assert!(said.contains("2 revoked, 1 still good, 1 unknown"), "{said}");
    let status = work.ok(&["status", "--json"]).json();
    let tracker = work.path("tracker.csv");
    work.ok(&["export", "tracker", "-o", tracker.to_str().unwrap()]);
    let tracker: Vec<std::collections::BTreeMap<String, String>> =
        csv::Reader::from_path(&tracker).unwrap().deserialize().map(Result::unwrap).collect();
    for (name, value, state, old, reason) in [
        ("crl.test", "done", "awaiting-verification", "revoked", "keyCompromise"),
        ("ocsp.test", "done", "awaiting-verification", "revoked", "keyCompromise"),
        ("dead.test", "open", "rekeyed-old-not-revoked", "unknown", ""),
        ("kept.test", "contradicted", "contradicted", "good", ""),
    ] {
        let service = status["services"].as_array().unwrap().iter().find(|s| s["row_id"] == name).unwrap();
        assert_eq!(service["facets"]["revoked"]["value"], value, "{name}: {service:#}");
        assert_eq!(service["state"], state, "{name}: {service:#}");
        let row = tracker.iter().find(|r| r["row_id"] == name).unwrap();
        assert_eq!(
            (row["revocation_old"].as_str(), row["revocation_reason"].as_str()),
            (old, reason),
            "{name}"
        );
        assert!(!row["revocation_checked"].is_empty(), "{name}");
    }
    // The old certificate comes back on one of them.
    drop((servers, responder));
    let _old = serve(&good, &work, &ca, &shops[0], &shops[0].old, "again");
    work.ok(&[&sweep[..], &["--offline"]].concat());
    let status = work.ok(&["status", "--json"]).json();
    let service = status["services"].as_array().unwrap().iter().find(|s| s["row_id"] == "crl.test").unwrap();
    assert!(service["regressions"].as_array().unwrap().iter().any(|r| r == "R6"), "{service:#}");
    let kinds: Vec<&str> =
        service["findings"].as_array().unwrap().iter().filter_map(|f| f["kind"].as_str()).collect();
    assert!(kinds.contains(&"serves-revoked"), "{service:#}");
}
