//! Several writers and readers, and one that is killed.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    process::{Child, Command, Stdio},
    time::Instant,
};

use super::*;

const TASK: &str = "ALLCLEAR_STORE_TEST_TASK";
const FILE: &str = "ALLCLEAR_STORE_TEST_FILE";
const BATCH: u32 = 200;

/// Runs [`child`] as a process of its own, under a umask that takes nothing away.
fn spawn(task: &str, place: &Place) -> Child {
    Command::new("sh")
        .args(["-c", "umask 0000; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "store::tests::processes::child", "--ignored", "--nocapture"])
        .env(TASK, task)
        .env(FILE, place.file())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the child process of the tests below"]
fn child() {
    let (Ok(task), Some(file)) = (env::var(TASK), env::var_os(FILE)) else {
        return;
    };
    let mut store = Store::create_or_open(file.as_ref(), at(0), None).unwrap();
    let say = |text: &str| writeln!(io::stdout(), "say {text}").unwrap();
    if task == "hold" {
        say("ready");
        io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let sweep = store.begin_sweep(&new_sweep(0)).unwrap();
    store.put_services(sweep, &mut [].iter()).unwrap();
    for batch in 1_u32.. {
        let rows: Vec<Observation> = (0..BATCH).map(|n| observation(sweep, n, i64::from(batch))).collect();
        store.append_observations(&rows).unwrap();
        say(&format!("{batch}"));
    }
}

/// The next line that the child said, past what the test harness prints.
fn next_said(lines: &mut impl Iterator<Item = io::Result<String>>) -> Option<String> {
    lines.map_while(Result::ok).find_map(|line| line.split_once("say ").map(|(_, text)| text.to_owned()))
}

#[test]
fn a_file_made_under_an_open_umask_is_private() {
    let place = Place::new();
    let mut child = spawn("write", &place);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(next_said(&mut lines).is_some());
    let names = place.names();
    child.kill().unwrap();
    child.wait().unwrap();
    for name in ["incident.db", "incident.db-lock", "incident.db-shm", "incident.db-wal"] {
        assert!(names.contains(&name.to_owned()), "{name} in {names:?}");
        let mode = fs::metadata(place.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn kill_9_loses_nothing_that_was_committed() {
    let place = Place::new();
    let mut child = spawn("write", &place);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..5 {
        next_said(&mut lines).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said between the fifth line and its death counts as well.
    let mut said = 5;
    while let Some(batch) = next_said(&mut lines) {
        said = batch.parse::<u64>().unwrap_or(said);
    }
    let wal = place.folder.path().join("incident.db-wal");
    assert!(fs::metadata(&wal).unwrap().len() > 0, "the log is left over");

    // A reader first, while the log is still there; then the next writer.
    let reader = Reader::open(&place.file()).unwrap();
    let rows = reader.evidence().unwrap().observations.len() as u64;
    assert!(rows >= said * u64::from(BATCH), "{rows} rows, {said} batches said");
    assert_eq!(rows % u64::from(BATCH), 0, "whole batches only");
    let unfinished = reader.unfinished_sweep().unwrap().map(|s| s.id);
    assert_eq!(unfinished, Some(SweepId(1)));

    let mut store = Store::open(&place.file()).unwrap();
    store.append_observations(&[observation(SweepId(1), 1, 9)]).unwrap();
    store.finish_sweep(SweepId(1), SweepState::Finished, at(10)).unwrap();
    let report = reader.check_chain().unwrap();
    assert_eq!((report.rows, report.broken_at), (rows + 3, None), "{report:?}");
}

#[test]
fn a_second_writer_is_told_who_the_first_is_and_does_not_wait() {
    let place = Place::new();
    let mut child = spawn("hold", &place);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(next_said(&mut lines).as_deref(), Some("ready"));
    let begun = Instant::now();
    let errors = [
        Store::open(&place.file()).unwrap_err(),
        Store::create_or_open(&place.file(), at(0), None).unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(text.contains(&format!("process {} since ", child.id())), "{text}");
    }
    // A sanity limit far above what a loaded machine needs: a hang would be for ever.
    assert!(begun.elapsed().as_secs() < 60);
    // A reader is not kept out.
    assert_eq!(Reader::open(&place.file()).unwrap().sweeps().unwrap(), []);

    child.kill().unwrap();
    child.wait().unwrap();
    assert!(place.names().contains(&"incident.db-lock".to_owned()), "{:?}", place.names());
    drop(Store::open(&place.file()).unwrap());
}

#[test]
fn a_lock_file_with_any_text_in_it_says_only_what_it_can_vouch_for() {
    let place = Place::new();
    let store = place.store();
    for text in ["\u{1b}[31mpwn", "", "process x since y", "process 12"] {
        fs::write(place.folder.path().join("incident.db-lock"), text).unwrap();
        let error = Store::open(&place.file()).unwrap_err().to_string();
        let expected = if text == "process 12" { "process 12" } else { "another process" };
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    drop(store);
}

/// POSIX locks that the kernel has for the incident file, whoever holds them.
fn posix_locks(place: &Place) -> usize {
    let inode = format!(":{}", fs::metadata(place.file()).unwrap().ino());
    fs::read_to_string("/proc/locks")
        .unwrap()
        .lines()
        .filter(|line| line.contains("POSIX") && line.split_whitespace().any(|word| word.ends_with(&inode)))
        .count()
}

#[test]
fn readers_of_the_same_process_do_not_loosen_the_writers_hold() {
    let place = Place::new();
    let store = filled(&place, 1);
    assert_eq!(posix_locks(&place), 1);
    // Closing any descriptor of the file drops all POSIX locks of the process; another process that
    // then closes the file would believe to be the last, and remove the log under the writer.
    drop(Reader::open(&place.file()).unwrap());
    drop(store.reader().unwrap());
    assert!(Store::open(&place.file()).is_err());
    assert_eq!(posix_locks(&place), 1);
}
