//! The command line as a user meets it: exit codes and messages for bad input, what is left alone, and
//! hostile text that stays inert wherever it comes out.

use std::process::{Command, Stdio};

use crate::support::{
    HANG, Running, Work, control_byte, free_port, fresh_address,
    listen::{Listener, Manner},
    row, run_with_limit, verdict,
};

/// A port of this machine where nothing listens, as `host:port`.
fn closed() -> String {
    format!("{}:{}", fresh_address(), free_port())
}

#[test]
fn mistakes_end_with_their_exit_code_and_say_what_is_wrong() {
    let work = Work::new();
    work.write("good.txt", format!("{}\n", closed()));
    work.write("empty.txt", "# nobody yet\n\n");
    work.write("bad.csv", "name,port\n,443\n!!,443\nweb,0\nweb,70000\n");
    work.write(
        "values.csv",
        "secret_id,type,services,owner,location,password\ndb,database-password,web,me,vault,hunter2\n",
    );
    work.write("broken.toml", "[policy]\npresume = \"sometimes\"\n");
    work.write("scope.txt", "not a network/99\n");
    let table: &[(&[&str], i32, &str)] = &[
        (&["sweep", "missing.csv"], 5, "missing.csv"),
        (&["sweep", "bad.csv"], 5, "bad.csv:2:1:"),
        (&["sweep", "empty.txt"], 5, "empty.txt: holds no row"),
        (&["sweep", "good.txt", "--secrets", "missing-secrets.csv"], 5, "missing-secrets.csv"),
        (&["sweep", "good.txt", "--secrets", "values.csv"], 5, "password"),
        (&["inventory", "check", "values.csv"], 5, "password"),
        (&["sweep", "good.txt", "--scope", "missing.scope"], 5, "missing.scope"),
        (&["sweep", "good.txt", "--scope", "scope.txt"], 5, "99"),
        (&["sweep", "good.txt", "--config", "broken.toml"], 5, "broken.toml:2:11:"),
        (&["sweep", "good.txt", "--config", "missing.toml"], 5, "missing.toml"),
        (&["sweep", "good.txt", "--format", "punched-cards"], 5, "punched-cards"),
        (&["sweep"], 2, "inventory"),
        (&["sweep", "--no-such-option"], 2, "--no-such-option"),
        (&["swept"], 2, "sweep"),
        (&["sweep", "good.txt", "--disclosure", "heartbled"], 2, "heartbled"),
        (&["sweep", "good.txt", "--timeout", "soon"], 2, "soon"),
        (&["sweep", "good.txt", "--concurrency", "0"], 2, "--concurrency"),
        (&["sweep", "good.txt", "--depth", "abyssal"], 2, "abyssal"),
        (&["sweep", "good.txt", "--fail-on", "sad"], 2, "sad"),
        (&["verify"], 5, "incident.db"),
        (&["status"], 5, "incident.db"),
        (&["checklist"], 5, "incident.db"),
        (&["export", "tracker"], 5, "incident.db"),
        (&["export", "gossip"], 2, "tracker"),
        (&["inventory", "list"], 5, "incident.db"),
        (&["attest", "--service", "web"], 2, "--facet"),
        (&["attest", "--service", "web", "--facet", "verified"], 2, "verify"),
        (&["waive", "--service", "web", "--until", "2001-01-01", "--reason", "r"], 2, "future"),
    ];
    for (arguments, code, said) in table {
        let ended = work.run(arguments);
        let err = ended.err();
        assert_eq!(ended.code, Some(*code), "{arguments:?}: {err}");
        assert!(err.contains(said), "{arguments:?} should say {said:?}: {err}");
        assert!(ended.stdout.is_empty(), "{arguments:?}: a failure has no result: {}", ended.out());
        assert!(!err.contains("hunter2"), "a value of a secret was repeated: {err}");
        assert!(!err.contains("panicked"), "{arguments:?}: {err}");
        assert!(!work.path("incident.db").exists(), "{arguments:?} must begin no incident");
    }
}

#[test]
fn a_bad_row_is_pointed_at_and_counted_and_the_rest_goes_on() {
    let work = Work::new();
    let (host, port) = (fresh_address(), free_port());
    work.write("services.csv", format!("name,address,port\nweb,{host},{port}\nmail,{host},no-port\n"));
    let swept = work.ok(&["sweep", "services.csv", "--jsonl"]);
    assert_eq!(swept.rows().len(), 1);
    let err = swept.err();
    // The byte column at which the faulty field begins.
    let place = format!("services.csv:3:{}:", format!("mail,{host},").len() + 1);
    assert!(err.contains(&place), "file, line and column are {place} {err}");
    assert!(err.contains("no-port"), "what stood there: {err}");
    assert!(err.contains("1 bad row"), "the count: {err}");
    let strict = work.run(&["--incident", "strict.db", "sweep", "services.csv", "--strict"]).expect_code(5);
    assert!(strict.err().contains(&place), "{}", strict.err());
    assert!(!work.path("strict.db").exists());
    let checked = work.run(&["inventory", "check", "services.csv"]).expect_code(5);
    assert!(format!("{}{}", checked.out(), checked.err()).contains(&place));
    work.write("fine.csv", format!("name,address,port,owner\nweb,{host},{port},team-web\n"));
    work.ok(&["inventory", "check", "fine.csv"]);
}

#[test]
fn as_many_rows_come_out_as_services_went_in() {
    let work = Work::new();
    let http = Listener::start(Manner::PlainHttp);
    let p = http.port;
    let other = free_port();
    // Nothing that one target does may cost another its row: plain HTTP, closed ports, names that do
    // not resolve, a network, a port list, IPv6, an unspeakable wrap, a fragile device.
    work.write(
        "services.csv",
        format!(
            "id,name,address,port,wrap,fragile\n\
             http,,127.66.0.1,{p},tls,\n\
             closed,,127.66.0.2,{other},tls,\n\
             ,,127.66.1.0/30,{p},tls,\n\
             ,ports,127.66.2.1,{p};{other},tls,\n\
             v6,,::1,{other},tls,\n\
             nowhere,nowhere.invalid,,443,tls,\n\
             udp,,127.66.3.1,{other},dtls,\n\
             printer,,127.66.4.1,{p},tls,yes\n"
        ),
    );
    let swept = work.ok(&["sweep", "services.csv", "--jsonl", "--timeout", "2s"]);
    let rows = swept.rows();
    let listed = work.ok(&["inventory", "list", "services.csv", "--jsonl"]).rows();
    assert_eq!(listed.len(), 12, "{listed:#?}");
    let ids = |rows: &[serde_json::Value]| {
        let mut ids: Vec<String> = rows.iter().map(|r| r["row_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&rows), ids(&listed), "each service has its row, once");
    for (id, expected) in [
        ("http", "not-applicable/not-tls"),
        ("closed", "unreachable/refused"),
        ("v6", "unreachable/refused"),
        ("nowhere", "unreachable/dns-failed"),
        ("udp", "unreachable/refused"),
    ] {
        assert_eq!(verdict(row(&rows, id)), expected, "{id}");
    }
    let tracked = work.ok(&["export", "tracker"]).csv();
    assert_eq!(tracked.len(), 12, "the tracker has a row for each");
    for tracked in &tracked {
        let row = row(&rows, &tracked["row_id"]);
        let address = row["address"].as_str().unwrap_or("");
        assert_eq!(
            tracked["port"],
            row["port"].to_string(),
            "{}: the columns are shifted",
            tracked["row_id"]
        );
        assert_eq!(tracked["addresses"], address, "{}: the columns are shifted", tracked["row_id"]);
        assert_eq!(tracked["verdict_reason"], row["verdicts"][0]["reason"], "{}", tracked["row_id"]);
    }
    assert_eq!(work.ok(&["status", "--json"]).json()["coverage"]["known"], 12);
}

#[test]
fn a_dry_run_prints_the_exact_list_and_contacts_nobody() {
    let work = Work::new();
    let listener = Listener::start(Manner::PlainHttp);
    let p = listener.port;
    work.write(
        "services.csv",
        format!(
            "id,name,address,port,fragile\n\
             a,,127.67.0.1,{p},\n\
             b,,127.67.0.2,{p},yes\n\
             c,,127.67.0.3,{p},\n"
        ),
    );
    let planned = work.ok(&["sweep", "services.csv", "--dry-run", "--exclude", "127.67.0.3"]);
    let out = planned.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    for (address, fate) in [("127.67.0.1", "probe"), ("127.67.0.2", "fragile"), ("127.67.0.3", "excluded")] {
        let line = lines.iter().find(|l| l.contains(address)).unwrap_or_else(|| panic!("{address}: {out}"));
        assert!(line.contains(fate), "{line}");
        assert!(line.contains(&p.to_string()), "{line}");
    }
    assert!(listener.connections().is_empty(), "a dry run contacted {:?}", listener.connections());
    assert!(!work.path("incident.db").exists(), "a dry run begins no incident");
}

#[test]
fn what_is_excluded_or_out_of_scope_is_not_touched_and_keeps_its_row() {
    let work = Work::new();
    let listener = Listener::start(Manner::PlainHttp);
    let p = listener.port;
    let rows: String = (1..=6).map(|n| format!("s{n},127.68.0.{n},{p}\n")).collect();
    work.write("services.csv", format!("id,address,port\n{rows}"));
    work.write("leave-alone.txt", "127.68.0.2 # the printer\n\n127.68.0.3/32\n");
    work.write("scope.txt", "127.68.0.0/30\n127.68.0.4\n");
    let swept = work.ok(&[
        "sweep",
        "services.csv",
        "--jsonl",
        "--exclude",
        "leave-alone.txt",
        "--scope",
        "scope.txt",
    ]);
    let rows = swept.rows();
    let got: Vec<String> = (1..=6).map(|n| verdict(row(&rows, &format!("s{n}")))).collect();
    assert_eq!(
        got,
        [
            "not-applicable/not-tls",
            "skipped/excluded",
            "skipped/excluded",
            "not-applicable/not-tls",
            "skipped/out-of-scope",
            "skipped/out-of-scope",
        ]
    );
    let touched: std::collections::BTreeSet<String> =
        listener.connections().iter().map(ToString::to_string).collect();
    assert_eq!(touched.into_iter().collect::<Vec<_>>(), ["127.68.0.1", "127.68.0.4"]);
    // What nobody looked at is not clean.
    let gate = work.run(&["verify", "--no-sweep", "--gate", "closed"]);
    assert_ne!(gate.code, Some(0), "{}", gate.out());
}

#[test]
fn unknown_is_never_clean_at_the_gate() {
    let work = Work::new();
    work.write("hosts.txt", format!("{}\n", closed()));
    work.ok(&["sweep", "hosts.txt"]);
    let gate = work.run(&["verify", "--no-sweep", "--json"]);
    assert!(matches!(gate.code, Some(1 | 3)), "{gate:?}");
    assert_ne!(gate.json()["gate"], "holds");
    let again = work.run(&["verify", "--json", "--timeout", "1s"]);
    assert!(matches!(again.code, Some(1 | 3)), "{again:?}");
}

#[test]
fn a_list_comes_on_standard_input_in_every_way_to_write_a_host() {
    let work = Work::new();
    let listener = Listener::start(Manner::PlainHttp);
    let p = listener.port;
    let input = format!("# ours\n127.69.0.1:{p}\n\n127.69.0.2\n127.69.1.0/31\n[::1]:{p}\n");
    let swept = work
        .run_with_input(&["sweep", "-", "--jsonl", "--ports", &p.to_string(), "--timeout", "2s"], &input)
        .expect_code(0);
    let mut targets: Vec<String> =
        swept.rows().iter().map(|r| format!("{} {}", r["address"].as_str().unwrap(), r["port"])).collect();
    targets.sort();
    let expected: Vec<String> =
        ["127.69.0.1", "127.69.0.2", "127.69.1.0", "127.69.1.1", "::1"].map(|a| format!("{a} {p}")).to_vec();
    assert_eq!(targets, expected);
}

#[test]
fn a_reader_that_goes_away_stops_nothing() {
    let work = Work::new();
    let listener = Listener::start(Manner::PlainHttp);
    let rows: String = (1..=40).map(|n| format!("s{n},127.70.0.{n},{}\n", listener.port)).collect();
    work.write("services.csv", format!("id,address,port\n{rows}"));
    let mut command = work.command(&["sweep", "services.csv", "--jsonl", "--rate", "100"]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take()); // `allclear sweep ... | head -0`
    let began = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > HANG {
            child.kill().unwrap();
            panic!("it hangs");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(0));
    assert_eq!(work.ok(&["export", "findings"]).csv().len(), 40, "the evidence is whole all the same");
    // The same for a result that is one document: `allclear status | true`.
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("'{}' export findings | true", env!("CARGO_BIN_EXE_allclear")));
    let ended = run_with_limit(command.current_dir(work.folder()), b"", HANG);
    assert!(!ended.err().contains("panicked"), "{}", ended.err());
}

#[test]
fn help_completions_and_man_page_are_printed() {
    let work = Work::new();
    for (arguments, contains) in [
        (&["--help"][..], "allclear sweep hosts.txt"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["sweep", "--help"], "--jsonl"),
        (&["completions", "bash"], "_allclear"),
        (&["completions", "zsh"], "#compdef allclear"),
        (&["completions", "fish"], "complete -c allclear"),
        (&["completions", "powershell"], "Register-ArgumentCompleter"),
        (&["man"], ".TH"),
    ] {
        let ended = work.ok(arguments);
        assert!(ended.out().contains(contains), "{arguments:?} should print {contains:?}: {}", ended.out());
        assert!(ended.stderr.is_empty(), "{arguments:?}: {}", ended.err());
    }
    let mut bash = Command::new("bash");
    let script = work.ok(&["completions", "bash"]).stdout;
    let checked = run_with_limit(bash.args(["-n"]), &script, HANG);
    assert_eq!(checked.code, Some(0), "{}", checked.err());
}

#[test]
fn there_is_no_colour_off_a_terminal_or_when_it_is_unwanted() {
    let work = Work::new();
    work.write("hosts.txt", format!("{}\n", closed()));
    let plain = work.ok(&["sweep", "hosts.txt"]);
    assert!(!plain.stdout.contains(&0x1b) && !plain.stderr.contains(&0x1b), "{}", plain.out());
    let mut command = work.command(&["status"]);
    let quiet = run_with_limit(command.env("NO_COLOR", "1"), b"", HANG).expect_code(0);
    assert!(!quiet.stdout.contains(&0x1b));
    let colored = work.ok(&["--color", "always", "status"]);
    let stripped = strip_colour(&colored.out());
    assert_eq!(stripped, work.ok(&["status"]).out(), "colour changes no word");
    let mut command = Command::new("script");
    // A real terminal, if this machine can make one: NO_COLOR wins over it.
    command.args(["-qec", &format!("'{}' status", env!("CARGO_BIN_EXE_allclear")), "/dev/null"]);
    command.current_dir(work.folder()).env("NO_COLOR", "1").env("TERM", "xterm");
    if std::path::Path::new("/usr/bin/script").exists() {
        let ended = run_with_limit(&mut command, b"", HANG).expect_code(0);
        assert!(!ended.out().contains("\u{1b}[3"), "NO_COLOR is not respected: {:?}", ended.out());
    }
}

/// Takes SGR sequences out.
fn strip_colour(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

#[test]
fn results_go_to_stdout_and_everything_else_to_stderr() {
    let work = Work::new();
    let listener = Listener::start(Manner::PlainHttp);
    work.write("hosts.txt", format!("127.71.0.1:{}\n", listener.port));
    let rows = work.ok(&["sweep", "hosts.txt", "--jsonl"]);
    assert_eq!(rows.out().lines().count(), 1, "{}", rows.out());
    rows.rows();
    assert!(!rows.stderr.is_empty(), "the summary is on standard error then");
    let quiet = work.ok(&["-q", "sweep", "hosts.txt", "--jsonl"]);
    assert!(quiet.stderr.is_empty(), "{}", quiet.err());
}

#[test]
fn the_incident_file_is_the_owners_alone_and_another_one_can_be_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let work = Work::new();
    work.write("hosts.txt", format!("{}\n", closed()));
    let mut command = work.command(&["sweep", "hosts.txt"]);
    run_with_limit(command.env("ALLCLEAR_INCIDENT", "april.db"), b"", HANG).expect_code(0);
    assert!(!work.path("incident.db").exists());
    let mode = std::fs::metadata(work.path("april.db")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    work.ok(&["--incident", "april.db", "status"]);
    work.write("text.db", "this is no incident file\n");
    let refused = work.run(&["--incident", "text.db", "status"]).expect_code(6);
    assert!(refused.err().contains("text.db"), "{}", refused.err());
    assert_eq!(std::fs::read(work.path("text.db")).unwrap(), b"this is no incident file\n");
    let overwritten = work.run(&["--incident", "text.db", "sweep", "hosts.txt"]).expect_code(6);
    assert!(overwritten.err().contains("text.db"), "{}", overwritten.err());
    assert_eq!(std::fs::read(work.path("text.db")).unwrap(), b"this is no incident file\n");
}

#[test]
fn never_two_connections_at_one_port_and_few_at_one_address() {
    let work = Work::new();
    let tarpit = Listener::start(Manner::Tarpit { answered: 0 });
    // Six services at one address and port (they differ by name), one elsewhere.
    let rows: String = (1..=6).map(|n| format!("s{n},n{n}.test,127.72.0.1,{}\n", tarpit.port)).collect();
    work.write("services.csv", format!("id,name,address,port\n{rows}o,o.test,127.72.0.2,{}\n", tarpit.port));
    let arguments = ["sweep", "services.csv", "--jsonl", "--probe-timeout", "60s", "--timeout", "30s"];
    let running = Running::start(&mut work.command(&arguments), b"");
    let to = |address: &str| tarpit.connections().iter().filter(|a| a.to_string() == address).count();
    let began = std::time::Instant::now();
    while to("127.72.0.2") == 0 && began.elapsed() < HANG {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::thread::sleep(std::time::Duration::from_millis(300)); // time to do it wrong in
    assert_eq!(to("127.72.0.1"), 1, "the held connection is the only one at its port");
    tarpit.release();
    let ended = running.finish(HANG).expect_code(0);
    assert_eq!(ended.rows().len(), 7);
}

#[test]
fn a_name_with_several_addresses_is_one_service() {
    let work = Work::new();
    let http = Listener::start(Manner::PlainHttp);
    // Every machine has this name; whether it has one address or two is the machine's business.
    let input = format!("localhost:{}\n", http.port);
    let swept = work.run_with_input(&["sweep", "-", "--jsonl"], &input).expect_code(0);
    let rows = swept.rows();
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|r| r["row_id"] == rows[0]["row_id"] && r["name"] == "localhost"), "{rows:#?}");
    assert!(rows.iter().any(|r| r["address"] == "127.0.0.1"), "{rows:#?}");
    assert_eq!(work.ok(&["export", "tracker"]).csv().len(), 1);
}

#[test]
fn the_drill_ends_well_and_leaves_files_that_every_command_reads() {
    let work = Work::new();
    let told = work.ok(&["drill"]);
    assert!(told.stderr.is_empty(), "{}", told.err());
    assert_eq!(control_byte(&told.stdout), None);
    let incident = ["--incident", "drill/incident.db"];
    for (arguments, code) in [
        (&["status"][..], 0),
        (&["verify", "--no-sweep", "--gate", "verified"], 0),
        (&["verify", "--no-sweep", "--gate", "rekeyed"], 0),
        (&["checklist"], 0),
        (&["export", "tracker"], 0),
    ] {
        work.run(&[&incident, arguments].concat()).expect_code(code);
    }
    let counts = work.ok(&["--incident", "drill/incident.db", "status", "--json"]).json()["counts"].clone();
    for (state, n) in counts.as_object().unwrap() {
        let good = ["verified", "not-affected", "waived", "decommissioned"].contains(&state.as_str());
        assert!(good || n == 0, "the drill leaves {n} services {state}");
    }
    work.ok(&["drill"]); // an earlier drill is replaced
}
