//! The ladder and its follow-ups.

use std::time::Duration;

use super::scripted::{HEARTBEAT_MODE, Server, Talk};
use crate::{
    model::observation::{Answer, Attempt, Contact, HeartbeatExtension, TlsVersion},
    probe::{
        calibration::{Endpoints, calibrate},
        context::Settings,
    },
    wire::tls::{heartbeat, record},
};

/// Malformed, control and poke of the only attempt.
fn steps(attempts: &[Attempt]) -> (Option<Answer>, Option<Answer>, Option<Answer>) {
    let [attempt] = attempts else { panic!("one attempt: {attempts:?}") };
    (attempt.malformed, attempt.control, attempt.poke)
}

fn hurried(settings: &mut Settings) {
    settings.timeouts.short = Duration::from_millis(50);
    settings.timeouts.step = Duration::from_millis(500);
}

async fn vulnerable(mut talk: Talk) -> Talk {
    talk.greet().await;
    let (_, payload) = talk.heartbeat().await;
    talk.echo(&payload).await;
    talk
}

async fn fixed(mut talk: Talk) -> Talk {
    talk.greet().await;
    talk.heartbeat().await;
    let (_, payload) = talk.heartbeat().await;
    talk.echo(&payload).await;
    talk
}

async fn without(mut talk: Talk) -> Talk {
    talk.hello().await;
    talk.flight(0x0303, &[]).await;
    talk.heartbeat().await;
    talk.alert(2, 10).await;
    talk
}

#[tokio::test]
async fn a_vulnerable_server_is_asked_once() {
    let server = Server::start(|_, talk| async {
        let mut talk = vulnerable(talk).await;
        assert!(talk.is_over().await, "decided at the first answer");
        talk
    })
    .await;
    let seen = server.quick().await;
    assert_eq!(seen.contact, Contact::Answered);
    assert_eq!(steps(&seen.attempts), (Some(Answer::Echoed), None, None));
    assert_eq!((seen.foreign_bytes(), server.connections()), (0, 1));
    assert_eq!(seen.attempts[0].extension, Some(HeartbeatExtension::Acknowledged));
    let tls = seen.tls.unwrap();
    assert_eq!((tls.version, &*tls.cipher), (TlsVersion::Tls12, "ECDHE-ECDSA-AES128-GCM-SHA256"));
    assert_eq!(tls.heartbeat_extension, Some(true));
    assert_eq!(seen.certificate.unwrap().names, ["one.example.test"]);
    assert_eq!((seen.chain.len(), seen.other_keys), (1, None));
}

#[tokio::test]
async fn a_fixed_server_proves_its_fix() {
    let server = Server::start(|_, talk| fixed(talk)).await;
    let seen = server.brisk().await;
    let (malformed, control, _) = steps(&seen.attempts);
    assert_eq!((malformed, control), (Some(Answer::Silent), Some(Answer::Echoed)));
    assert_eq!((seen.foreign_bytes(), server.connections()), (0, 1));
}

#[tokio::test]
async fn a_server_without_heartbeats_refuses() {
    let server = Server::start(|_, talk| without(talk)).await;
    let seen = server.quick().await;
    assert_eq!(steps(&seen.attempts), (Some(Answer::Alert { level: 2, code: 10 }), None, None));
    assert_eq!(seen.attempts[0].extension, Some(HeartbeatExtension::Offered));
    assert_eq!((seen.attempts[0].alone, server.connections()), (None, 1), "no follow-up after alert 10");
}

#[tokio::test]
async fn a_control_refused_after_silence_is_recorded_as_it_is() {
    let server = Server::start(|_, mut talk| async {
        talk.greet().await;
        talk.heartbeat().await;
        talk.heartbeat().await;
        talk.alert(2, 10).await;
        talk
    })
    .await;
    let seen = server.brisk().await;
    assert_eq!(
        steps(&seen.attempts),
        (Some(Answer::Silent), Some(Answer::Alert { level: 2, code: 10 }), None)
    );
    assert_eq!(seen.attempts[0].alone, None);
}

#[tokio::test]
async fn late_answers_are_given_to_the_request_that_they_answer() {
    // What the server says once it is poked: the first or the second payload, or neither.
    let table = [
        (Some(0), Some(Answer::Echoed), Some(Answer::Silent)),
        (Some(1), Some(Answer::Silent), Some(Answer::Echoed)),
        (None, Some(Answer::Silent), Some(Answer::Silent)),
    ];
    for (late, malformed, control) in table {
        let server = Server::start(move |number, mut talk| async move {
            if number > 0 {
                return no_finished_handshake(talk).await;
            }
            talk.greet().await;
            let payloads = [talk.heartbeat().await.1, talk.heartbeat().await.1];
            assert_ne!(payloads[0], payloads[1]);
            talk.poke().await;
            if let Some(i) = late {
                let payload: &Vec<u8> = &payloads[i];
                talk.echo(payload).await;
            }
            talk.alert(2, 10).await;
            talk
        })
        .await;
        let seen = server.brisk().await;
        let (m, c, poke) = steps(&seen.attempts);
        assert_eq!((m, c), (malformed, control), "late: {late:?}");
        assert!(poke.is_some(), "late: {late:?}");
        assert_eq!((seen.contact, seen.foreign_bytes()), (Contact::Answered, 0), "late: {late:?}");
    }
}

#[tokio::test]
async fn the_malformed_payload_that_answers_the_control_counts_as_what_it_is() {
    let server = Server::start(|_, mut talk| async {
        talk.greet().await;
        let (_, malformed) = talk.heartbeat().await;
        talk.heartbeat().await;
        talk.echo(&malformed).await;
        talk
    })
    .await;
    assert_eq!(steps(&server.brisk().await.attempts), (Some(Answer::Echoed), Some(Answer::Silent), None));
}

#[tokio::test]
async fn a_second_poke_follows_silence() {
    let server = Server::start(|number, mut talk| async move {
        if number > 0 {
            return no_finished_handshake(talk).await;
        }
        talk.greet().await;
        talk.heartbeat().await;
        talk.heartbeat().await;
        talk.poke().await;
        talk.poke().await;
        talk.close().await;
        talk
    })
    .await;
    let seen = server.brisk().await;
    assert_eq!(steps(&seen.attempts), (Some(Answer::Silent), Some(Answer::Silent), Some(Answer::Closed)));
    // The extension was acknowledged: a second connection asks behind a finished handshake, and here none comes about.
    assert_eq!((seen.contact, server.connections()), (Contact::Answered, 2));
    assert_eq!(seen.attempts[0].encrypted, None);
}

/// What a server says that cannot be finished with.
async fn no_finished_handshake(mut talk: Talk) -> Talk {
    talk.hello().await;
    talk.alert(2, 40).await;
    talk
}

#[tokio::test]
async fn what_is_not_ours_is_counted_and_ends_the_probe() {
    let server = Server::start(|_, mut talk| async {
        talk.greet().await;
        let (_, payload) = talk.heartbeat().await;
        let mut leak = vec![heartbeat::RESPONSE, 0x10, 0x00];
        leak.extend_from_slice(&payload);
        leak.extend_from_slice(&[0x5a; 16 + 21]);
        talk.send(record::HEARTBEAT, 0x0303, &leak).await;
        talk
    })
    .await;
    let seen = server.quick().await;
    assert_eq!((steps(&seen.attempts).0, seen.foreign_bytes()), (Some(Answer::Echoed), 21));

    let server = Server::start(|_, mut talk| async {
        talk.greet().await;
        talk.heartbeat().await;
        talk.echo(&[0x41; 100]).await;
        assert!(talk.is_over().await, "nothing more is asked of a server that returns what is not ours");
        talk
    })
    .await;
    let seen = server.quick().await;
    assert_eq!(steps(&seen.attempts), (Some(Answer::Other { len: 119 }), None, None));
    assert_eq!((seen.foreign_bytes(), server.connections()), (100, 1));
    let json = serde_json::to_string(&seen).unwrap();
    assert!(!json.contains("AAAA") && !json.contains("4141"), "no byte of it is kept: {json}");
}

#[tokio::test]
async fn an_odd_end_is_followed_by_a_heartbeat_alone() {
    #[derive(Clone, Copy, Debug)]
    enum End {
        Close,
        Reset,
        Alert(u8),
        Echo,
        Ignore,
    }
    let table = [
        (End::Close, End::Close, Answer::Closed, Answer::Closed),
        (End::Close, End::Echo, Answer::Closed, Answer::Echoed),
        (End::Reset, End::Ignore, Answer::Reset, Answer::Silent),
        (
            End::Alert(80),
            End::Alert(10),
            Answer::Alert { level: 2, code: 80 },
            Answer::Alert { level: 2, code: 10 },
        ),
    ];
    for (first, second, malformed, alone) in table {
        let server = Server::start(move |number, mut talk| async move {
            talk.greet().await;
            let (_, payload) = talk.heartbeat().await;
            match if number == 0 { first } else { second } {
                End::Close => talk.close().await,
                End::Reset => talk.reset(),
                End::Alert(code) => talk.alert(2, code).await,
                End::Echo => talk.echo(&payload).await,
                End::Ignore => {
                    talk.poke().await;
                    talk.alert(2, 10).await;
                }
            }
            talk
        })
        .await;
        let seen = if matches!(second, End::Ignore) { server.brisk().await } else { server.quick().await };
        let [attempt] = &*seen.attempts else { panic!("one attempt") };
        assert_eq!((attempt.malformed, attempt.control), (Some(malformed), None), "{first:?} {second:?}");
        assert_eq!(attempt.alone, Some(alone), "{first:?} {second:?}");
        assert_eq!((attempt.contact, server.connections()), (Contact::Answered, 2), "{first:?} {second:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_after_the_probe_is_blocked() {
    let server = Server::start(|number, mut talk| async move {
        if number == 0 {
            talk.greet().await;
            talk.heartbeat().await;
            talk.reset();
        } else {
            talk.close().await;
        }
        talk
    })
    .await;
    let seen = server.quick().await;
    assert_eq!((seen.contact, seen.attempts[0].still_up), (Contact::Blocked, Some(false)));
    assert_eq!((seen.attempts[0].malformed, seen.attempts[0].alone), (Some(Answer::Reset), None));
}

#[tokio::test]
async fn silence_is_asked_again_and_then_whether_the_server_is_still_up() {
    let server = Server::start(|_, mut talk| async {
        talk.greet().await;
        talk
    })
    .await;
    let seen = server.probe(|settings, _| hurried(settings)).await;
    let silent = Some(Answer::Silent);
    assert_eq!(steps(&seen.attempts), (silent, silent, silent));
    assert_eq!((seen.contact, seen.attempts[0].still_up), (Contact::ProbeTimedOut, Some(true)));
    assert_eq!(server.connections(), 3, "the ladder, once more, a plain handshake");
    assert!(seen.certificate.is_some(), "what was learned is kept");

    let server = Server::start(|number, mut talk| async move {
        if number == 0 {
            talk.greet().await;
        }
        talk
    })
    .await;
    let seen = server.probe(|settings, _| hurried(settings)).await;
    assert_eq!((seen.contact, seen.attempts[0].still_up), (Contact::Blocked, Some(false)));
}

#[tokio::test]
async fn a_slow_server_is_given_a_second_chance() {
    let server = Server::start(|number, talk| async move {
        if number == 0 {
            let mut talk = talk;
            talk.greet().await;
            talk
        } else {
            vulnerable(talk).await
        }
    })
    .await;
    let seen = server.probe(|settings, _| hurried(settings)).await;
    assert_eq!(steps(&seen.attempts), (Some(Answer::Echoed), None, None));
    assert_eq!((seen.contact, server.connections()), (Contact::Answered, 2));
}

#[tokio::test]
async fn heartbeats_carry_the_version_that_the_server_chose() {
    for (version, name) in
        [(0x0301, TlsVersion::Tls10), (0x0302, TlsVersion::Tls11), (0x0300, TlsVersion::Ssl3)]
    {
        let server = Server::start(move |_, mut talk| async move {
            talk.hello().await;
            talk.flight(version, if version > 0x0300 { &[HEARTBEAT_MODE] } else { &[] }).await;
            let (record_version, payload) = talk.heartbeat().await;
            assert_eq!(record_version, version);
            talk.echo(&payload).await;
            talk
        })
        .await;
        let seen = server.quick().await;
        assert_eq!(steps(&seen.attempts).0, Some(Answer::Echoed), "{name}");
        assert_eq!(seen.attempts[0].version, Some(name));
        let ssl3 = name == TlsVersion::Ssl3;
        let extension = if ssl3 { HeartbeatExtension::NotOffered } else { HeartbeatExtension::Acknowledged };
        assert_eq!(seen.attempts[0].extension, Some(extension), "{name}");
        assert_eq!(seen.tls.unwrap().heartbeat_extension, (!ssl3).then_some(true), "{name}");
    }
}

#[tokio::test]
async fn every_sample_counts() {
    let server = Server::start(|number, talk| async move {
        if number == 1 { vulnerable(talk).await } else { fixed(talk).await }
    })
    .await;
    let seen = server
        .probe(|settings, _| {
            settings.samples = 3;
            settings.timeouts.short = Duration::from_millis(250);
        })
        .await;
    let vulnerable: Vec<bool> = seen.attempts.iter().map(|a| a.malformed == Some(Answer::Echoed)).collect();
    assert_eq!(vulnerable, [false, true, false]);
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_fragile_service_gets_a_handshake_only() {
    let server = Server::start(|_, mut talk| async {
        talk.greet().await;
        assert!(talk.is_over().await, "no heartbeat");
        talk
    })
    .await;
    let seen = server
        .probe(|settings, job| {
            settings.depth = crate::probe::context::Depth::Full;
            job.fragile = true;
        })
        .await;
    assert_eq!((seen.contact, seen.skip), (Contact::Skipped, Some(crate::model::observation::Skip::Fragile)));
    assert!(seen.certificate.is_some() && seen.tls.is_some());
    assert_eq!((seen.attempts.len(), server.connections()), (0, 1));
}

#[tokio::test]
async fn calibration_tells_right_endpoints_from_wrong_ones() {
    let right = [
        Server::start(|_, talk| vulnerable(talk)).await,
        Server::start(|_, talk| fixed(talk)).await,
        Server::start(|_, talk| without(talk)).await,
    ];
    let [v, f, n] = right.each_ref().map(|s| s.address);
    let table = [
        ((v, f, n), [true, true, true]),
        ((f, v, n), [false, false, true]),
        ((n, f, v), [false, true, false]),
        ((v, n, f), [true, false, false]),
    ];
    for ((vulnerable, fixed, none), expected) in table {
        let endpoints = Endpoints { vulnerable, fixed, none };
        let clock = crate::clock::Clock::System;
        let got = calibrate(endpoints, clock, crate::model::ids::SweepId(1), Duration::from_secs(60)).await;
        assert_eq!(got.outcomes.each_ref().map(|o| o.as_expected), expected);
        assert_eq!(got.passed(), expected == [true; 3]);
    }
}

#[tokio::test]
async fn a_calibration_endpoint_that_hangs_does_not_hang_the_calibration() {
    let server = Server::start(|_, talk| async { talk }).await;
    let a = server.address;
    let endpoints = Endpoints { vulnerable: a, fixed: a, none: a };
    let clock = crate::clock::Clock::System;
    let got = calibrate(endpoints, clock, crate::model::ids::SweepId(1), Duration::from_millis(100)).await;
    assert!(!got.passed() && got.outcomes.iter().all(|o| o.observation.is_none()));
}
