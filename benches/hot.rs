//! The hot pure parts, one figure each: building a hello, reading records, the facts of a certificate,
//! judging 100,000 observations. Ratios within one run are what counts: `cargo bench`.

use std::{hint::black_box, net::IpAddr, sync::Arc};

use allclear::{
    assess, disclosure,
    inventory::{self, Input, Options},
    model::{
        ids::{RowId, Sha256, SweepId},
        observation::{
            Answer, Attempt, Certificate, Contact, HeartbeatExtension, Observation, TlsFacts, TlsVersion,
        },
        policy::Policy,
        service::Service,
        sweep::{Evidence, Incident},
        time::Timestamp,
        wrap::{Transport, Wrap},
    },
    probe::certificate::Leaf,
    wire::tls::{
        hello::Hello,
        record::{self, RecordReader},
    },
};

fn main() {
    divan::main();
}

#[divan::bench]
fn client_hello(bencher: divan::Bencher<'_, '_>) {
    let mut out = Vec::with_capacity(1024);
    bencher.bench_local(|| {
        out.clear();
        Hello::first(Some("web01.example.test")).encode(&mut out, black_box(&[7; 32]));
        out.len()
    });
}

#[divan::bench]
fn records_of_16_kib(bencher: divan::Bencher<'_, '_>) {
    let mut bytes = Vec::new();
    for _ in 0..4 {
        record::encode(&mut bytes, 22, 0x0303, &[1; 4096]);
    }
    bencher.counter(divan::counter::BytesCount::new(bytes.len())).bench_local(|| {
        let mut reader = RecordReader::new();
        let mut found = 0;
        for chunk in bytes.chunks(1400) {
            let mut input = chunk;
            while let Ok(Some(_)) = reader.read(&mut input) {
                found += 1;
            }
        }
        found
    });
}

#[divan::bench]
fn certificate_facts(bencher: divan::Bencher<'_, '_>) {
    let der = certificate_der();
    bencher.bench_local(|| Leaf::read(black_box(&der)));
}

fn certificate_der() -> Vec<u8> {
    let now = Timestamp::from_seconds(1_700_000_000);
    let identity = allclear::drill::peer::Identity::issue(
        None,
        "web01.example.test",
        &["web01.example.test", "www.example.test"],
        now,
        now.plus_seconds(86_400 * 365),
        1,
    );
    identity.expect("a certificate").certificate_der.to_vec()
}

#[divan::bench(sample_count = 10)]
fn assess_100_000_observations(bencher: divan::Bencher<'_, '_>) {
    let evidence = evidence(50_000);
    let heartbleed = disclosure::find("heartbleed").expect("in the catalogue");
    let policy = Policy::default();
    let now = Timestamp::from_seconds(1_700_200_000);
    bencher.bench_local(|| assess::assess(&evidence, &heartbleed, &policy, now).services.len());
}

#[divan::bench(sample_count = 3)]
fn assess_1_000_000_observations(bencher: divan::Bencher<'_, '_>) {
    let evidence = evidence(500_000);
    let heartbleed = disclosure::find("heartbleed").expect("in the catalogue");
    let policy = Policy::default();
    let now = Timestamp::from_seconds(1_700_200_000);
    bencher.bench_local(|| assess::assess(&evidence, &heartbleed, &policy, now).services.len());
}

/// Two sweeps over so many services: every tenth was vulnerable in the first.
fn evidence(services: u32) -> Evidence {
    let rows: Vec<Service> = (0..services).map(service).collect();
    let observations = [1, 2]
        .into_iter()
        .flat_map(|sweep| rows.iter().enumerate().map(move |(n, s)| observation(sweep, n, s)))
        .collect();
    Evidence {
        incident: Incident {
            name: "bench".to_owned(),
            created_at: Timestamp::from_seconds(1_700_000_000),
            disclosures: vec!["CVE-2014-0160".to_owned()],
            chain_head: Sha256::of(b""),
            evidence_rows: u64::from(services) * 2,
        },
        services: rows,
        secrets: Vec::new(),
        sweeps: Vec::new(),
        observations,
        hosts: Vec::new(),
        revocations: Vec::new(),
        checks: Vec::new(),
        tracked: std::collections::BTreeMap::new(),
        claims: Vec::new(),
    }
}

fn service(n: u32) -> Service {
    let address = IpAddr::from((0x7f01_0000 + n).to_be_bytes());
    Service {
        row_id: RowId::declared(&format!("svc-{n:06}")),
        name: None,
        addresses: Box::new([address]),
        port: 443,
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        wrap_declared: false,
        sni: None,
        id_declared: true,
        declared: Arc::default(),
        sources: Arc::from([]),
    }
}

fn observation(sweep: u32, n: usize, service: &Service) -> Observation {
    let bad = sweep == 1 && n.is_multiple_of(10);
    let key = Sha256::of(format!("{}", n / 4).as_bytes());
    let mut attempt = Attempt::ended(Contact::Answered);
    attempt.version = Some(TlsVersion::Tls12);
    attempt.extension = Some(HeartbeatExtension::Offered);
    attempt.malformed = Some(if bad { Answer::Echoed } else { Answer::Alert { level: 2, code: 10 } });
    Observation {
        sweep: SweepId(sweep),
        row_id: service.row_id.clone(),
        name: None,
        address: service.addresses.first().copied(),
        port: 443,
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        sni: None,
        vantage: Arc::from("local"),
        at: Timestamp::from_seconds(1_700_000_000 + i64::from(sweep) * 86_400),
        ms: 1.0,
        contact: Contact::Answered,
        skip: None,
        detail: None,
        tls: Some(TlsFacts {
            version: TlsVersion::Tls12,
            cipher: Arc::from("AES128-SHA"),
            heartbeat_extension: Some(false),
            without_sni: false,
        }),
        certificate: Some(Certificate {
            sha256: key,
            spki_sha256: Some(key),
            serial: None,
            subject: None,
            issuer: None,
            not_before: Some(Timestamp::from_seconds(1_600_000_000)),
            not_after: Some(Timestamp::from_seconds(1_900_000_000)),
            names: Vec::new(),
            details: None,
        }),
        chain: Vec::new(),
        other_keys: Some(Vec::new()),
        attempts: vec![attempt],
        served: None,
        expectations: Vec::new(),
        software: Vec::new(),
        asked: Vec::new(),
        relay: None,
    }
}

#[divan::bench(sample_count = 5)]
fn load_50_000_hosts_of_ansible(bencher: divan::Bencher<'_, '_>) {
    let input = [Input::text("list.json", ansible_list(50_000))];
    bencher.bench_local(|| {
        inventory::load(black_box(&input), &[], &Options::default()).map(|l| l.services.len())
    });
}

#[divan::bench(sample_count = 3)]
fn load_1_000_000_rows_of_csv(bencher: divan::Bencher<'_, '_>) {
    let input = [Input::text("services.csv", csv(1_000_000))];
    bencher.bench_local(|| {
        inventory::load(black_box(&input), &[], &Options::default()).map(|l| l.services.len())
    });
}

/// An asset list: most rows are one service; some are a network, some name a service again and add to it.
fn csv(rows: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("name,address,port,owner,env,service_type,tags\n");
    for n in 0..rows {
        let (host, team) = (n - n % 20 / 19, n % 97);
        let (a, b, c) = (host / 65_536 % 256, host / 256 % 256, host % 256);
        // Into a string, cannot fail.
        let _ = match n % 100 {
            50 => writeln!(text, ",10.{}.{b}.{}/31,443;8443,team-{team},prod,,net", a + 64, c / 2 * 2),
            _ => writeln!(
                text,
                "host{host}.example.test,10.{a}.{b}.{c},443,team-{},prod,nginx,rack={}",
                host % 97,
                n % 40
            ),
        };
    }
    text
}

/// What `ansible-inventory --list` prints for hosts in 500 groups of 10 sites.
fn ansible_list(hosts: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("{\"_meta\": {\"hostvars\": {");
    for n in 0..hosts {
        let comma = if n == 0 { "" } else { "," };
        let (a, b) = (n / 250, n % 250);
        let _ = write!(
            text,
            "{comma}\n\"web{n:05}.example.test\": {{\"ansible_host\": \"198.{}.{}.{b}\", \"ansible_port\": 22, \"env\": \"prod\", \"owner\": \"team-{}\", \"rack\": \"r{b}\", \"role\": \"web\", \"tls_ports\": [443, 8443]}}",
            18 + a / 200,
            a % 200,
            n % 40
        );
    }
    text.push_str("}}, \"all\": {\"children\": [\"ungrouped\"");
    for site in 0..10 {
        let _ = write!(text, ", \"site{site}\""); // into a string, cannot fail
    }
    text.push_str("]}");
    for site in 0..10 {
        let children: Vec<_> = (0..50).map(|g| format!("\"g{}\"", site * 50 + g)).collect();
        let _ = write!(text, ",\n\"site{site}\": {{\"children\": [{}]}}", children.join(", "));
    }
    for group in 0..500 {
        let all: Vec<_> =
            (group..hosts).step_by(500).map(|n| format!("\"web{n:05}.example.test\"")).collect();
        let _ = write!(text, ",\n\"g{group}\": {{\"hosts\": [{}]}}", all.join(", "));
    }
    text.push('}');
    text
}
