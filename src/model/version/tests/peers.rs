//! Random versions against the tools that define their order. A tool that is missing ends the test as skipped, with
//! a word past the capture of output, and fails it where ALLCLEAR_REQUIRE_PEERS=1 or CI=true demands every peer.

use std::{
    cmp::Ordering,
    io::{ErrorKind, Write, stderr},
    process::{Command, Stdio},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{Scheme, order, properties::versions};

/// `count` values; other ones in each run, so every assertion names the texts that it is about.
fn some<T: std::fmt::Debug>(count: usize, strategy: &impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::default();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Starts a tool once, gives it `lines` and returns its answers, one a line.
fn ask(program: &str, arguments: &[&str], lines: &[String]) -> Option<Vec<String>> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == ErrorKind::NotFound => return None,
        Err(e) => panic!("{program} cannot be started: {e}"),
    };
    let (mut input, text) = (child.stdin.take().unwrap(), lines.join("\n") + "\n");
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let answers: Vec<String> =
        String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect();
    writer.join().unwrap().unwrap_or_else(|e| panic!("{program} stopped reading: {e}"));
    assert_eq!(answers.len(), lines.len(), "{program} ended with {} before it had answered", output.status);
    Some(answers)
}

/// Whether a tool is there.
fn there(name: &str, arguments: &[&str]) -> bool {
    let started = Command::new(name).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if started.is_ok_and(|s| s.success()) {
        return true;
    }
    let set = |variable: &str, value: &str| std::env::var(variable).is_ok_and(|v| v == value);
    let wanted = format!("{name} {}", arguments.join(" "));
    assert!(
        !set("ALLCLEAR_REQUIRE_PEERS", "1") && !set("CI", "true"),
        "`{wanted}` does not work, and ALLCLEAR_REQUIRE_PEERS=1 or CI=true demands every peer"
    );
    let _ = writeln!(stderr(), "SKIPPED: `{wanted}` does not work");
    false
}

/// Asserts that the tool gives every pair the order that we give it.
#[track_caller]
fn agrees(scheme: Scheme, pairs: &[Vec<String>], program: &str, arguments: &[&str]) {
    let lines: Vec<String> = pairs.iter().map(|pair| pair.join(" ")).collect();
    let answers = ask(program, arguments, &lines).expect("it was there a moment ago");
    let mut seen = [0; 3];
    for (pair, answer) in pairs.iter().zip(answers) {
        let [a, b] = &pair[..] else { unreachable!() };
        let ours = order(scheme, a, b);
        let theirs = match &*answer {
            "-1" => Ordering::Less,
            "0" => Ordering::Equal,
            "1" => Ordering::Greater,
            other => panic!("{program} says {other} to {a} and {b}"),
        };
        assert_eq!(ours, theirs, "{scheme}: {a} against {b}");
        seen[usize::try_from(ours as i8 + 1).unwrap()] += 1;
    }
    assert!(seen.iter().all(|n| *n > 0), "{scheme}: the pairs are one-sided: {seen:?}");
}

/// dpkg compares one pair for each process: the shell starts them, so few are asked.
#[test]
fn dpkg_agrees() {
    const LOOP: &str = "while read -r a b; do if dpkg --compare-versions \"$a\" lt \"$b\"; then echo -1; \
        elif dpkg --compare-versions \"$a\" eq \"$b\"; then echo 0; else echo 1; fi; done";
    if there("dpkg", &["--version"]) {
        agrees(Scheme::Dpkg, &some(300, &versions(Scheme::Dpkg, 2)), "sh", &["-c", LOOP]);
    }
}

#[test]
fn dpkg_and_we_refuse_the_same() {
    const LOOP: &str =
        "while read -r a; do if dpkg --validate-version \"$a\"; then echo yes; else echo no; fi; done";
    if !there("dpkg", &["--version"]) {
        return;
    }
    // A sign before the epoch is refused on purpose, and no text may look like an option.
    let near = ["[0-9:][-:.~+0-9a-c]{0,6}", "[0-9a.~][-:.~+_^0-9a-c]{0,4}", "[0-9]{8,12}:[0-9]"];
    let texts = near.iter().flat_map(|pattern| some(100, pattern));
    let signed = |text: &str| text.split(':').next().is_some_and(|e| e.starts_with(['+', '-']));
    let texts: Vec<String> = texts.filter(|t| !signed(t)).collect();
    let answers = ask("sh", &["-c", LOOP], &texts).expect("a shell");
    for (text, answer) in texts.iter().zip(&answers) {
        assert_eq!(Scheme::Dpkg.check(text).is_ok(), answer == "yes", "{text}");
    }
    assert!(answers.iter().any(|a| a == "yes") && answers.iter().any(|a| a == "no"));
}

/// Debian's build tools have an implementation of their own, which takes any number of pairs, but compares
/// numbers as floating point: it gets short ones only.
#[test]
fn debian_build_tools_agree() {
    const SCRIPT: &str =
        "while (<STDIN>) { my ($x, $y) = split; print version_compare($x, $y) <=> 0, \"\\n\" }";
    if there("perl", &["-MDpkg::Version", "-e1"]) {
        let mut pairs = some(6000, &versions(Scheme::Dpkg, 2));
        let digits = |text: &str| text.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
        pairs.retain(|pair| pair.iter().all(|text| digits(text) <= Some(15)));
        agrees(Scheme::Dpkg, &pairs, "perl", &["-MDpkg::Version", "-e", SCRIPT]);
    }
}

#[test]
fn rpm_agrees() {
    const SCRIPT: &str = "%{lua: for line in io.lines() do local at = line:find(' ', 1, true) \
        print(rpm.vercmp(line:sub(1, at - 1), line:sub(at + 1)) .. ' ') end}";
    if there("rpm", &["--eval", "%{lua: print(rpm.vercmp('1', '2'))}"]) {
        agrees(Scheme::Rpm, &some(6000, &versions(Scheme::Rpm, 2)), "rpm", &["--eval", SCRIPT]);
    }
}
