//! Two sweeps with a repair between them, right and wrong: node 0.10.0 makes way for node 0.10.2 on the
//! same address and port, and the incident file says what is closed, what is owed and what came back.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::support::{
    Ended, Work,
    certs::{Identity, Key},
    free_port, fresh_address,
    peers::{self, Server, need},
};

/// One place on loopback, the two builds that can stand there, and the incident about it.
struct Place {
    work: Work,
    vulnerable: PathBuf,
    safe: PathBuf,
    address: IpAddr,
    port: u16,
    key: Key,
    first: Identity,
}

/// An incident with one sweep that saw the vulnerable build.
fn exposed() -> Option<Place> {
    let (vulnerable, safe) = (peers::node_vulnerable()?, peers::node_safe()?);
    let work = Work::new();
    let key = Key::rsa(work.folder(), "first");
    let first = key.certify("first", "shop.test");
    let place = Place { work, vulnerable, safe, address: fresh_address(), port: free_port(), key, first };
    place.work.write(
        "services.csv",
        format!(
            "id,address,port,owner,service_type\nshop,{},{},team-shop,nginx\n",
            place.address, place.port
        ),
    );
    place.work.write(
        "secrets.csv",
        "secret_id,type,services,owner,location\nshop-db,database-password,shop,team-db,vault:shop/db\n",
    );
    place.sweep_with(&place.vulnerable, &place.first, "incident.db");
    let status = place.status("incident.db");
    assert_eq!(status["state"], "exposed", "{status:#}");
    Some(place)
}

impl Place {
    /// Sweeps while this build serves this identity.
    #[track_caller]
    fn sweep_with(&self, build: &Path, identity: &Identity, incident: &str) -> Ended {
        let _server = Server::node_at(build, identity, "{}", self.address, self.port);
        self.work.ok(&["--incident", incident, "sweep", "services.csv", "--secrets", "secrets.csv"])
    }

    /// A copy of the incident to try one repair on.
    fn fork(&self, name: &str) -> String {
        let file = format!("{name}.db");
        for ending in ["", "-wal"] {
            let from = self.work.path(&format!("incident.db{ending}"));
            if from.exists() {
                std::fs::copy(from, self.work.path(&format!("{file}{ending}"))).unwrap();
            }
        }
        file
    }

    #[track_caller]
    fn status(&self, incident: &str) -> Value {
        let status = self.work.ok(&["--incident", incident, "status", "--json"]).json();
        assert_eq!(status["schema"], "allclear.status/1");
        status["services"][0].clone()
    }

    #[track_caller]
    fn gate(&self, incident: &str, gate: &str, code: i32) -> Value {
        self.work
            .run(&["--incident", incident, "verify", "--no-sweep", "--json", "--gate", gate])
            .expect_code(code)
            .json()
    }

    #[track_caller]
    fn tracker(&self, incident: &str) -> std::collections::BTreeMap<String, String> {
        self.work.ok(&["--incident", incident, "export", "tracker"]).csv().remove(0)
    }

    #[track_caller]
    fn checklist(&self, incident: &str) -> String {
        self.work.ok(&["--incident", incident, "checklist"]).out()
    }

    /// The row of a key in `keys.csv`.
    #[track_caller]
    fn key_row(&self, incident: &str, identity: &Identity) -> std::collections::BTreeMap<String, String> {
        let spki = identity.facts().spki_sha256;
        let rows = self.work.ok(&["--incident", incident, "export", "keys"]).csv();
        rows.iter()
            .find(|k| k["spki"] == spki)
            .unwrap_or_else(|| panic!("{spki} is not in {rows:#?}"))
            .clone()
    }
}

#[track_caller]
fn facet(status: &Value, name: &str, value: &str) {
    assert_eq!(status["facets"][name]["value"], value, "facet {name} of {status:#}");
}

#[test]
fn an_exposed_service_owes_everything() {
    let place = need!(exposed());
    let status = place.status("incident.db");
    assert_eq!(status["verdict"], "vulnerable");
    assert_eq!(status["reason"], "malformed-heartbeat-answered");
    let open = place.gate("incident.db", "closed", 1);
    assert_eq!(open["gate"], "open");
    assert_eq!(place.tracker("incident.db")["state"], "exposed");
    assert_eq!(place.key_row("incident.db", &place.first)["state"], "exposed-served");
    assert!(place.checklist("incident.db").contains("shop-db"), "the linked secret is on the list");
}

#[test]
fn a_patch_without_a_new_key_closes_the_leak_and_leaves_the_key_at_risk() {
    let place = need!(exposed());
    let incident = place.fork("same-key");
    place.sweep_with(&place.safe, &place.first, &incident);
    let status = place.status(&incident);
    assert_eq!(status["state"], "closed-key-at-risk", "{status:#}");
    facet(&status, "rekeyed", "open");
    let held = place.gate(&incident, "closed", 0);
    assert_eq!(held["gate"], "holds");
    assert_eq!(held["changes"][0]["from"], "exposed", "{held:#}");
    assert_eq!(held["changes"][0]["to"], "closed-key-at-risk", "{held:#}");
    assert_eq!(held["changes"][0]["code"], Value::Null, "{held:#}");
    place.gate(&incident, "rekeyed", 1);
    place.gate(&incident, "verified", 1);
    let tracker = place.tracker(&incident);
    assert_eq!(tracker["state"], "closed-key-at-risk");
    let spki = place.first.facts().spki_sha256;
    assert_eq!(
        (tracker["spki_before"].as_str(), tracker["spki_now"].as_str()),
        (spki.as_str(), spki.as_str())
    );
    assert_eq!(place.key_row(&incident, &place.first)["state"], "exposed-served");
    let list = place.checklist(&incident);
    assert!(list.contains("still served by"), "{list}");
    assert!(!list.contains("issued anew on this same key"), "nothing was reissued here: {list}");
}

#[test]
fn a_new_certificate_on_the_old_key_is_called_out() {
    let place = need!(exposed());
    let incident = place.fork("reissue");
    let reissued = place.key.certify("reissued", "shop.test");
    place.sweep_with(&place.safe, &reissued, &incident);
    let status = place.status(&incident);
    assert_eq!(status["state"], "closed-key-at-risk", "a new certificate is not a new key: {status:#}");
    assert!(status["regressions"].as_array().unwrap().contains(&Value::from("R3")), "{status:#}");
    place.gate(&incident, "rekeyed", 1);
    let tracker = place.tracker(&incident);
    assert!(tracker["regressions"].contains("R3"), "{tracker:#?}");
    assert_eq!(tracker["cert_now"], reissued.facts().sha256);
    assert_ne!(tracker["cert_now"], place.first.facts().sha256);
    let certificates = &place.key_row(&incident, &place.first)["certs"];
    for identity in [&place.first, &reissued] {
        assert!(
            certificates.contains(&identity.facts().sha256),
            "both certificates stand on the key: {certificates}"
        );
    }
    let list = place.checklist(&incident);
    assert!(list.contains("still served by"), "the old key is what the list is about: {list}");
    assert!(list.contains("issued anew on this same key"), "{list}");
}

#[test]
fn a_new_key_after_the_patch_counts_and_the_rest_is_still_owed() {
    let place = need!(exposed());
    let incident = place.fork("rekeyed");
    let second = Key::rsa(place.work.folder(), "second").certify("second", "shop.test");
    place.sweep_with(&place.safe, &second, &incident);
    let status = place.status(&incident);
    assert_eq!(status["state"], "rekeyed-old-not-revoked", "{status:#}");
    facet(&status, "rekeyed", "done");
    facet(&status, "revoked", "open");
    assert_eq!(status["spki_before"][0], place.first.facts().spki_sha256);
    assert_eq!(status["spki_now"][0], second.facts().spki_sha256);
    assert!(status["next_action"].as_str().unwrap().to_lowercase().contains("revoke"), "{status:#}");
    place.gate(&incident, "closed", 0);
    place.gate(&incident, "rekeyed", 0);
    place.gate(&incident, "verified", 1);
    assert_eq!(place.key_row(&incident, &place.first)["state"], "exposed-left");
    assert_eq!(place.key_row(&incident, &second)["state"], "clean");
    let list = place.checklist(&incident);
    assert!(!list.contains("still served by"), "the old key is gone: {list}");
    assert!(list.contains(&place.first.facts().serial), "what is to be revoked is named: {list}");

    // The old certificate is revoked, by a person's word; then the secret is what is left.
    place.work.ok(&[
        "--incident",
        &incident,
        "attest",
        "--service",
        "shop",
        "--facet",
        "revoked",
        "--reference",
        "CA-4711",
    ]);
    let status = place.status(&incident);
    assert_ne!(status["state"], "rekeyed-old-not-revoked", "{status:#}");
    assert_ne!(status["state"], "verified", "the secret and the confirming sweep are missing: {status:#}");
    place.gate(&incident, "verified", 1);
}

#[test]
fn the_old_build_coming_back_is_a_regression() {
    let place = need!(exposed());
    let incident = place.fork("back");
    let second = Key::rsa(place.work.folder(), "second").certify("second", "shop.test");
    place.sweep_with(&place.safe, &second, &incident);
    place.sweep_with(&place.vulnerable, &second, &incident);
    let status = place.status(&incident);
    assert_eq!(status["state"], "regressed", "{status:#}");
    assert_eq!(status["verdict"], "vulnerable");
    assert!(status["regressions"].as_array().unwrap().contains(&Value::from("R1")), "{status:#}");
    let verified = place.gate(&incident, "closed", 4);
    assert_eq!(verified["gate"], "regressed");
    assert!(
        verified["changes"].as_array().unwrap().iter().any(|c| c["code"] == "R1" && c["to"] == "regressed"),
        "{verified:#}"
    );
    let delta = place.work.ok(&["--incident", &incident, "export", "delta"]).csv();
    assert!(delta.iter().any(|d| d["row_id"] == "shop" && d["code"] == "R1"), "{delta:#?}");
}

#[test]
fn a_new_key_before_the_patch_is_rejected_as_too_early() {
    let place = need!(exposed());
    let incident = place.fork("early");
    let second = Key::rsa(place.work.folder(), "second").certify("second", "shop.test");
    place.sweep_with(&place.vulnerable, &second, &incident);
    assert_eq!(place.status(&incident)["state"], "exposed");
    place.sweep_with(&place.safe, &second, &incident);
    let status = place.status(&incident);
    assert_eq!(status["state"], "rekeyed-too-early", "{status:#}");
    facet(&status, "rekeyed", "too-early");
    place.gate(&incident, "rekeyed", 1);
    assert_eq!(place.key_row(&incident, &place.first)["state"], "exposed-left");
    assert_eq!(place.key_row(&incident, &second)["state"], "exposed-served");
}

#[test]
fn verify_sweeps_again_and_takes_the_second_look_itself() {
    let place = need!(exposed());
    let incident = place.fork("verify");
    let second = Key::rsa(place.work.folder(), "second").certify("second", "shop.test");
    let _server = Server::node_at(&place.safe, &second, "{}", place.address, place.port);
    let arguments = ["--incident", &incident, "verify", "--service", "shop", "--gate", "rekeyed", "--json"];
    let verified = place.work.ok(&arguments).json();
    assert_eq!(verified["gate"], "holds", "{verified:#}");
    let status = &verified["services"][0];
    assert_eq!(status["facets"]["rekeyed"]["value"], "done", "{status:#}");
    assert_eq!(status["facets"]["rekeyed"]["grade"], "E3", "two clean looks: {status:#}");
    let findings = place.work.ok(&["--incident", &incident, "export", "findings"]).csv();
    assert_eq!(findings.len(), 3, "one bad look and two clean ones: {findings:#?}");
}

#[test]
fn what_a_person_claims_never_hides_what_was_seen() {
    let place = need!(exposed());
    let incident = place.fork("claimed");
    for facet in ["patched", "restarted", "rekeyed"] {
        place.work.ok(&[
            "--incident",
            &incident,
            "attest",
            "--service",
            "shop",
            "--facet",
            facet,
            "--reference",
            "CHG-1",
        ]);
    }
    place.sweep_with(&place.vulnerable, &place.first, &incident);
    let status = place.status(&incident);
    assert_eq!(status["state"], "contradicted", "{status:#}");
    place.gate(&incident, "closed", 1);
    let waived =
        ["--incident", &incident, "waive", "--service", "shop", "--until", "2099-01-01", "--reason", "old"];
    place.work.ok(&waived);
    assert_eq!(place.status(&incident)["state"], "contradicted", "a waiver does not hide it either");
}
