//! 2014 replayed: what went wrong in the weeks after Heartbleed, as data, through the real pipeline. Only the peers,
//! the name server and the clock are made up.
//!
//! A scenario (`tests/scenarios/*.toml`) says what stands where, what happens step by step, and what must be known
//! after each step. Nothing is judged here: the pipeline judges, and this compares.

mod compare;
mod scenario;
mod stage;

use scenario::Scenario;

/// Where the scenarios are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");

/// Plays one scenario. The error has every difference, each with its file, line and step.
fn play(name: &str, text: &str) -> Result<(), String> {
    let scenario = Scenario::read(name, text)?;
    stage::play(&scenario)
}

#[track_caller]
fn replay(name: &str) {
    let file = format!("{FOLDER}/{name}.toml");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
    if let Err(differences) = play(name, &text) {
        panic!("{differences}");
    }
}

/// A test a scenario, so that they run beside each other and a failure has its name.
macro_rules! replayed {
    ($($test:ident = $name:literal),+ $(,)?) => {
        $(#[test] fn $test() { replay($name); })+

        #[test]
        fn every_scenario_is_played() {
            let files = std::fs::read_dir(FOLDER).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
            let files: std::collections::BTreeSet<String> = files.collect();
            let played = [$($name),+].iter().map(|name| format!("{name}.toml")).collect();
            assert_eq!(files, played, "files of tests/scenarios against the tests");
        }
    };
}

replayed! {
    dns_down = "dns-down",
    fragile_printer = "fragile-printer",
    ips_eats_the_probe = "ips-eats-the-probe",
    old_certificate_unrevoked = "old-certificate-unrevoked",
    one_balancer_node_left = "one-balancer-node-left",
    patched_not_restarted = "patched-not-restarted",
    provider_managed = "provider-managed",
    reissue_on_the_same_key = "reissue-on-the-same-key",
    rekeyed_too_early = "rekeyed-too-early",
    restart_before_patch = "restart-before-patch",
    static_turn = "static-turn",
}

const SMALL: &str = r#"
story = "One server that leaks."
start = "2014-04-08T09:00:00Z"
services = """
name,address,port,owner,exposure,tls_stack
shop.replay.test,{net}.11,8443,team-shop,public,openssl-dynamic
"""

[[certificate]]
id = "first"
key = "A"
names = ["shop.replay.test"]
from = "2013-06-01"
until = "2015-06-01"

[[peer]]
at = "11:8443"
behaviour = "vulnerable"
certificate = "first"

[[step]]
say = "The first sweep"
sweep = "live"
wire = [{ peer = "11:8443", heartbeats = "some" }]

[[step.expect]]
service = "shop.replay.test:8443"
state = "exposed"
facets = { patched = "open", rekeyed = "open" }
lines = [{ code = "A2", state = "blocked", waits_for = ["A1"] }]
"#;

#[test]
fn a_wrong_expectation_is_told_with_its_line_its_step_and_both_values() {
    assert_eq!(play("small", SMALL), Ok(()), "the scenario itself holds");
    let changed = [
        ("state = \"exposed\"", "state = \"verified\"", "state: expected verified, found exposed"),
        ("rekeyed = \"open\"", "rekeyed = \"done E3\"", "facet rekeyed: expected done E3, found open"),
        ("waits_for = [\"A1\"]", "waits_for = [\"B1\"]", "line A2: does not wait for `B1`"),
        ("heartbeats = \"some\"", "heartbeats = \"none\"", "11:8443: expected no heartbeat"),
        ("code = \"A2\"", "code = \"Z9\"", "line Z9: expected, and there is none; there are A1 "),
    ];
    let mut text = SMALL.to_owned();
    for (from, to, _) in changed {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
        let told = play("small", &text).expect_err("a wrong expectation");
        let (.., wanted) = changed.iter().find(|(f, ..)| *f == from).unwrap();
        let line = told.lines().find(|line| line.contains(wanted));
        let line = line.unwrap_or_else(|| panic!("nothing says `{wanted}`:\n{told}"));
        assert!(line.starts_with("tests/scenarios/small.toml:"), "{line}");
        assert!(line.contains("step 1 (The first sweep)"), "{line}");
        text = text.replace(to, from);
    }
}

#[test]
fn a_bad_scenario_is_told_with_its_line() {
    let table: &[(&str, &str, &str)] = &[
        ("behaviour = \"vulnerable\"", "behavior = \"vulnerable\"", "unknown field `behavior`"),
        ("behaviour = \"vulnerable\"", "behaviour = \"leaky\"", "unknown variant `leaky`"),
        ("certificate = \"first\"", "certificate = \"second\"", "no certificate is called `second`"),
        ("state = \"exposed\"", "state = \"burning\"", "`burning` is not a known state"),
        ("patched = \"open\"", "patched = \"ajar\"", "`ajar` is not a known facet value"),
        ("service = \"shop.replay.test:8443\"", "service = \"shop:443\"", "no service is called `shop:443`"),
        ("sweep = \"live\"", "attest = [{ service = [\"shop.replay.test:8443\"] }]", "says nothing"),
        (
            "[[step.expect]]",
            "[[step]]\nsay = \"second\"\n[[step.expect]]",
            "step 1 (The first sweep) expects nothing",
        ),
    ];
    for (from, to, wanted) in table {
        assert!(SMALL.contains(from), "{from}");
        let mut text = SMALL.replacen(from, to, 1);
        if wanted.contains("expects nothing") {
            text = text.replace("wire = [{ peer = \"11:8443\", heartbeats = \"some\" }]\n", "");
        }
        let told = play("small", &text).expect_err("a bad scenario");
        assert!(told.contains(wanted), "wanted: {wanted}\ntold: {told}");
        let place = told.strip_prefix("tests/scenarios/small.toml:").and_then(|rest| rest.split(':').next());
        let line = place.and_then(|n| n.parse::<usize>().ok());
        assert!(line.is_some_and(|line| (16..=30).contains(&line)), "no line of the fault: {told}");
    }
}
