//! One endpoint as one line of JSON: `sweep --jsonl`, schema `allclear.endpoint/1` (DESIGN).
//!
//! Of the stored observation this leaves out the chain, the single attempts and the certificates of
//! other keys; those are in the incident file.

use std::net::IpAddr;

use serde::Serialize;

use crate::model::{
    asked::Asked,
    finding::Finding,
    ids::{RowId, Spki, SweepId},
    observation::{Certificate, Contact, Observation, Skip, TlsFacts},
    relay::Relay,
    served::{Expectation, Software},
    time::Timestamp,
    verdict::Judgement,
    wrap::{Transport, Wrap},
};

use super::json;

/// The schema's name and version.
pub const SCHEMA: &str = "allclear.endpoint/1";

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    sweep: SweepId,
    row_id: &'a RowId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    port: u16,
    transport: Transport,
    wrap: Wrap,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<&'a str>,
    vantage: &'a str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
    contact: Contact,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip: Option<Skip>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<&'a TlsFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a Certificate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_keys: Option<Vec<OtherKey>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    expectations: &'a [Expectation],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    software: &'a [Software],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    asked: &'a [Asked],
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<&'a Relay>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    findings: &'a [Finding],
    verdicts: &'a [Judgement],
}

#[derive(Serialize)]
struct OtherKey {
    spki_sha256: Spki,
}

/// The line, without a line end. A field that was not learned is absent.
pub fn line(observation: &Observation, judgements: &[Judgement], findings: &[Finding]) -> String {
    let other = |keys: &Vec<crate::model::observation::OtherKey>| {
        keys.iter().map(|k| OtherKey { spki_sha256: k.spki_sha256 }).collect()
    };
    json::to_string(&Line {
        schema: SCHEMA,
        sweep: observation.sweep,
        row_id: &observation.row_id,
        name: observation.name.as_deref(),
        address: observation.address,
        port: observation.port,
        transport: observation.transport,
        wrap: observation.wrap,
        sni: observation.sni.as_deref(),
        vantage: &observation.vantage,
        at: observation.at,
        ms: tenths(observation.ms),
        contact: observation.contact,
        skip: observation.skip,
        detail: observation.detail.as_deref(),
        tls: observation.tls.as_ref(),
        certificate: observation.certificate.as_ref(),
        other_keys: observation.other_keys.as_ref().map(other),
        expectations: &observation.expectations,
        software: &observation.software,
        asked: &observation.asked,
        relay: observation.relay.as_ref(),
        findings,
        verdicts: judgements,
    })
}

/// Milliseconds to a tenth; absent where it is no number.
pub(super) fn tenths(ms: f64) -> Option<f64> {
    ms.is_finite().then(|| (ms * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use crate::{
        model::text::acts_on_a_terminal,
        report::sample::{Sample, judge},
    };

    use super::*;

    #[test]
    fn a_line_has_the_keys_of_the_design_in_their_order() {
        let sample = Sample::new();
        let observation = &sample.evidence.observations[0];
        insta::assert_snapshot!(line(observation, &[judge(observation)], &[]), @r#"{"schema":"allclear.endpoint/1","sweep":"s0002","row_id":"svc-2wyf2llav7a7","name":"web01.example.test","address":"192.0.2.11","port":443,"transport":"tcp","wrap":"tls","sni":"web01.example.test","vantage":"local","at":"2026-11-22T14:00:00.123456Z","ms":12.4,"contact":"answered","tls":{"version":"TLSv1.2","cipher":"ECDHE-RSA-AES128-GCM-SHA256","heartbeat_extension":true},"certificate":{"sha256":"sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72","spki_sha256":"sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683","serial":"0x1e10","subject":"CN=web01.example.test","issuer":"CN=Test CA","not_before":"2014-01-01T00:00:00.000000Z","not_after":"2027-01-01T00:00:00.000000Z","names":["web01.example.test"]},"other_keys":[{"spki_sha256":"sha256:318f9f812b9e89ec3bd948c00afc751749a5a275b3a709436288da62f4cb36fb"}],"verdicts":[{"disclosure":"CVE-2014-0160","verdict":"vulnerable","reason":"malformed-heartbeat-answered","grade":"E2","vulnerable":1,"tried":1,"foreign_bytes":0}]}"#);
    }

    #[test]
    fn what_was_not_learned_is_absent() {
        let sample = Sample::new();
        let silent = sample
            .evidence
            .observations
            .iter()
            .find(|o| o.certificate.is_none())
            .expect("the sample has a silent endpoint");
        let text = line(silent, &[judge(silent)], &[]);
        insta::assert_snapshot!(text, @r#"{"schema":"allclear.endpoint/1","sweep":"s0002","row_id":"svc-gyttqb5yskrv","name":"tarpit.example.test","address":"192.0.2.11","port":443,"transport":"tcp","wrap":"tls","sni":"tarpit.example.test","vantage":"local","at":"2026-11-22T14:00:00.123456Z","ms":12.4,"contact":"probe-timed-out","detail":"silent after the handshake","verdicts":[{"disclosure":"CVE-2014-0160","verdict":"inconclusive","reason":"probe-timed-out","grade":"E2","vulnerable":0,"tried":1,"foreign_bytes":0}]}"#);
        assert!(!text.contains("null"), "{text}");
    }

    #[test]
    fn a_hostile_subject_is_kept_and_cannot_act() {
        let sample = Sample::new();
        for observation in &sample.evidence.observations {
            let text = line(observation, &[judge(observation)], &[]);
            assert!(!text.contains(acts_on_a_terminal), "{text:?}");
            let back: serde_json::Value = serde_json::from_str(&text).unwrap();
            let subject = observation.certificate.as_ref().and_then(|c| c.subject.as_deref());
            assert_eq!(back["certificate"]["subject"].as_str(), subject);
        }
    }

    #[test]
    fn a_time_that_is_no_number_is_absent() {
        let mut observation = Sample::new().evidence.observations[0].clone();
        observation.ms = f64::NAN;
        assert!(!line(&observation, &[], &[]).contains("\"ms\""));
    }
}
