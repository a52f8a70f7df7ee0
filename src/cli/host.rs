//! `allclear host`: evidence from the hosts themselves, here or over ssh.

use std::{
    fs::File,
    io::{BufWriter, IsTerminal as _, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::host::Origin,
    pipeline::{
        hosts::{self, Extent, Options, SshOptions},
        runtime, source,
    },
    report,
};

/// How long one host may take where nothing else is said, seconds.
const SECONDS: u64 = 300;

/// Beside the collection itself: connecting, sending the program, tidying up.
const AROUND: Duration = Duration::from_secs(60);

/// Host evidence: which TLS libraries hosts have, on disk and running
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Collect(Box<CollectArgs>),
    Import(ImportArgs),
    Show(ShowArgs),
}

/// Collect this host, a folder, or hosts over ssh
///
/// Examples:
///   allclear host collect                            this host, for reading
///   allclear host collect > web01.jsonl              the same as a document, to take elsewhere
///   allclear host collect --root /mnt/image --archives
///   allclear host collect --ssh web01 --ssh admin@web02 --sudo
///   allclear host collect --inventory hosts.csv      every host of an inventory, over ssh
///   allclear host collect --script | ssh box sh      where no program of ours may run
///
/// Reads only. Without root it works, and says what it could not see. Over ssh the user's own OpenSSH client and
/// configuration are used; hosts that are not in known_hosts are never accepted. What comes back is kept in the
/// incident file; `allclear host show` judges it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(group = clap::ArgGroup::new("remote").args(["ssh", "inventory"]).multiple(true))]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
pub(crate) struct CollectArgs {
    /// The root folder: a mounted image, an unpacked container; processes are not looked at then
    #[arg(long, value_name = "DIR", default_value = "/", conflicts_with_all = ["ssh", "inventory"])]
    root: PathBuf,
    /// Files and packages alone: no processes, listeners, keys, updates
    #[arg(long)]
    files_only: bool,
    /// Everything but the search for files on disk: seconds instead of minutes, as after a restart
    #[arg(long, conflicts_with_all = ["files_only", "archives"])]
    no_files: bool,
    /// Look into archives as well: wheels, jars, npm tarballs, zip and tar files, nested ones too
    #[arg(long)]
    archives: bool,
    /// Stay on the file system of the root folder
    #[arg(long)]
    one_file_system: bool,
    /// Stop after so long, and say what was not seen
    #[arg(long, value_name = "N", default_value_t = SECONDS)]
    max_seconds: u64,
    /// One JSON object a line; what anything but a terminal gets anyway
    #[arg(long)]
    jsonl: bool,
    /// Write the documents to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the collector for hosts where no program may run: a POSIX shell script (packages and processes)
    #[arg(long, conflicts_with_all = ["root", "files_only", "no_files", "archives", "one_file_system", "jsonl", "output", "remote"])]
    script: bool,
    /// Collect this host over ssh; repeatable
    #[arg(long, value_name = "HOST", help_heading = "Over ssh")]
    ssh: Vec<String>,
    /// Collect every host of an inventory over ssh; without a file, every host that the incident knows
    #[arg(long, value_name = "FILE", num_args = 0..=1, help_heading = "Over ssh")]
    #[expect(clippy::option_option, reason = "not given, given without a file, given with one")]
    inventory: Option<Option<PathBuf>>,
    /// Hosts at a time
    #[arg(long, value_name = "N", default_value_t = 32, help_heading = "Over ssh")]
    parallel: usize,
    /// Become root with `sudo -n` where that is allowed
    #[arg(long, requires = "remote", help_heading = "Over ssh")]
    sudo: bool,
    /// The configuration of ssh (`ssh -F`), if not the user's own
    #[arg(long, value_name = "FILE", requires = "remote", help_heading = "Over ssh")]
    ssh_config: Option<PathBuf>,
    /// The program to send, one for each architecture; the static one of scripts/build-static.sh runs anywhere
    #[arg(long, value_name = "FILE", requires = "remote", help_heading = "Over ssh")]
    binary: Vec<PathBuf>,
    /// How long to wait for a host to answer, seconds
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Over ssh")]
    connect_timeout: u64,
}

/// Take host evidence in: documents, and the output of dpkg-query, rpm, apk, needrestart, lsof
///
/// Examples:
///   allclear host import evidence/*.jsonl
///   ssh web01 dpkg-query -W | allclear host import --host web01 -
///   allclear host import --format needrestart web01.txt     about the host web01
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ImportArgs {
    /// Files, folders of files, or `-` for standard input; gzip is understood
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The host that the one file is about [default: what a document says; for a tool's output the file's name
    /// without its endings]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Name hosts after their files, as Ansible's playbook does, and not as they call themselves
    #[arg(long, conflicts_with = "host")]
    by_file_name: bool,
    /// What the files are, where it should not be told by content
    #[arg(long = "format", value_name = "NAME", value_parser = words!(Origin))]
    format: Option<Origin>,
    /// Stop at any file that cannot be read (exit 5) and take none
    #[arg(long)]
    strict: bool,
}

/// Show what hosts say: every copy with its verdict, what still runs an old one, what was not seen
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Only these hosts
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    /// One JSON object a copy or client
    #[arg(long)]
    jsonl: bool,
}

impl HostArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        match &self.command {
            Sub::Collect(args) => args.run(globals, console),
            Sub::Import(args) => args.run(globals, console),
            Sub::Show(args) => args.run(globals, console),
        }
    }
}

impl CollectArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        if self.script {
            console.out.write_all(hosts::script::text().as_bytes()).map_err(Error::stdout)?;
            return Ok(Exit::Done);
        }
        if self.ssh.is_empty() && self.inventory.is_none() {
            self.here(globals, console)
        } else {
            self.over_ssh(globals, console)
        }
    }

    fn here(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        if !self.root.is_dir() {
            return Err(Error::Input(format!("{} is not a folder", self.root.display())));
        }
        let options = Options {
            root: std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone()),
            extent: match (self.files_only, self.no_files) {
                (true, _) => Extent::FilesOnly,
                (_, true) => Extent::NoFiles,
                _ => Extent::Whole,
            },
            archives: self.archives,
            one_file_system: self.one_file_system,
            limit: Some(Duration::from_secs(self.max_seconds)),
        };
        let collection = hosts::here(&options, &Clock::System);
        if let Some(path) = &self.output {
            hosts::write(collection, &mut create(path)?)?;
            console.note(&format!("wrote {}", path.display()));
        } else if self.jsonl || !std::io::stdout().is_terminal() {
            hosts::write(collection, &mut BufWriter::new(&mut console.out))?;
        } else {
            let judged = hosts::judged_here(collection, globals.disclosure.first().map(String::as_str))?;
            show(&judged, console, globals)?;
        }
        Ok(Exit::Done)
    }

    fn over_ssh(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let (all, fragile) = self.hosts(globals, console)?;
        if all.is_empty() && fragile.is_empty() {
            return Err(Error::Input("there is no host to collect".to_owned()));
        }
        let binaries = if self.binary.is_empty() { own_programs() } else { self.binary.clone() };
        if let Some(missing) = self.binary.iter().chain(&self.ssh_config).find(|b| !b.is_file()) {
            return Err(Error::Input(format!("{} is not a file", missing.display())));
        }
        let options = SshOptions {
            program: PathBuf::from("ssh"),
            config: self.ssh_config.clone(),
            sudo: self.sudo,
            parallel: self.parallel.max(1),
            host_limit: Duration::from_secs(self.max_seconds) + AROUND,
            connect_timeout: Duration::from_secs(self.connect_timeout.max(1)),
            binaries,
            arguments: self.remote_arguments(),
            max_bytes: 64 << 20,
        };
        // Made with the first document: what is there from before is not lost to a run that gives none.
        let mut output: Option<BufWriter<File>> = None;
        let jsonl = self.output.is_none() && (self.jsonl || !std::io::stdout().is_terminal());
        let mut stop = super::stop::stop_signal()?;
        let stopped = stop.clone();
        let mut counts = (0_usize, 0_usize);
        let each = |asked: hosts::Asked| {
            let line = report::hosts::collected(&asked.host, &asked.document, &asked.notes, asked.seconds);
            console.note(&line);
            counts.0 += 1;
            counts.1 += usize::from(asked.document.header.coverage.failed.is_some());
            if let (None, Some(path)) = (&output, &self.output) {
                output = Some(create(path)?);
            }
            match (&mut output, jsonl) {
                (Some(file), _) => file.write_all(&asked.text).map_err(Error::stdout),
                (None, true) => console.out.write_all(&asked.text).map_err(Error::stdout),
                (None, false) => Ok(()),
            }
        };
        let until = async move {
            // An error means that nobody can ask to stop any more.
            if stop.wait_for(|stopped| *stopped).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        runtime::start()?.block_on(hosts::over_ssh(
            &globals.incident,
            &all,
            &fragile,
            &options,
            &Clock::System,
            until,
            each,
        ))?;
        if let Some(mut file) = output {
            file.flush().map_err(Error::stdout)?;
        }
        console.out.flush().map_err(Error::stdout)?;
        console.warn(&format!(
            "{} of {} hosts collected into {}; {} gave nothing. `allclear host show` judges them.",
            counts.0 - counts.1,
            counts.0,
            globals.incident.display(),
            counts.1
        ));
        Ok(if *stopped.borrow() { Exit::Interrupted } else { Exit::Done })
    }

    /// The hosts to collect, and those that must be left alone.
    fn hosts(&self, globals: &Globals, console: &mut Console) -> Result<(Vec<String>, Vec<String>), Error> {
        let mut named = self.ssh.clone();
        let mut fragile = Vec::new();
        if let Some(file) = &self.inventory {
            let services = if let Some(file) = file {
                let options = source::Options::default();
                let (inputs, _) = super::inventory::gathered(std::slice::from_ref(file), &[], None)?;
                let loaded = source::load(&inputs, &[], &options)?;
                super::inventory::report_faults(&loaded, console);
                loaded.services
            } else {
                let (services, hosts) = hosts::known(&globals.incident)?;
                named.extend(hosts);
                services
            };
            let (all, alone) = hosts::hosts_of(&services);
            named.retain(|host| !alone.contains(host));
            named.extend(all);
            fragile = alone;
        }
        let mut seen = std::collections::BTreeSet::new();
        named.retain(|host| seen.insert(host.clone()));
        Ok((named, fragile))
    }

    fn remote_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["host".to_owned(), "collect".to_owned(), "--jsonl".to_owned()];
        let switches = [
            (self.files_only, "--files-only"),
            (self.no_files, "--no-files"),
            (self.archives, "--archives"),
            (self.one_file_system, "--one-file-system"),
        ];
        arguments.extend(switches.iter().filter(|(on, _)| *on).map(|(_, name)| (*name).to_owned()));
        arguments.extend(["--max-seconds".to_owned(), self.max_seconds.to_string()]);
        arguments
    }
}

/// The programs that can be sent: static ones beside this one, and this one.
fn own_programs() -> Vec<PathBuf> {
    let Ok(own) = std::env::current_exe() else { return Vec::new() };
    let folders = own.parent().into_iter().map(Path::to_path_buf).chain([PathBuf::from("dist")]);
    let mut found: Vec<PathBuf> = folders
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.filter_map(|e| Some(e.ok()?.path())))
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("allclear-static-")))
        .collect();
    found.sort();
    found.push(own);
    found
}

/// A new file that only its owner may read: it says where keys lie.
fn create(path: &Path) -> Result<BufWriter<File>, Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let file = file.map_err(|source| Error::Io { action: "create", path: path.to_path_buf(), source })?;
    Ok(BufWriter::new(file))
}

fn show(judged: &hosts::Judged, console: &mut Console, globals: &Globals) -> Result<(), Error> {
    let screen = console.screen(globals);
    report::hosts::text(&judged.disclosure, &judged.hosts, console.verbose, &screen, &mut console.out)
        .map_err(Error::stdout)
}

impl ImportArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let (inputs, mut bad) = hosts::inputs(&self.files);
        if self.strict && !bad.is_empty() {
            return Err(Error::Input(bad.join("\n")));
        }
        let name = match (&self.host, self.by_file_name) {
            (Some(host), _) => hosts::Name::Given(host),
            (None, true) => hosts::Name::File,
            (None, false) => hosts::Name::Said,
        };
        let imported =
            hosts::import(&globals.incident, &inputs, name, self.format, self.strict, &Clock::System)?;
        bad.extend(imported.bad);
        for line in &bad {
            console.warn(line);
        }
        for taken in &imported.taken {
            let known = if taken.known { " (the incident file has this very text already)" } else { "" };
            let line = report::hosts::collected(&taken.host, &taken.document, &[], 0.0);
            console.note(&format!("{}: {}: {line}{known}", taken.source, taken.origin));
        }
        if imported.taken.is_empty() {
            return Err(Error::Input("nothing was taken in".to_owned()));
        }
        if !bad.is_empty() {
            console.warn(&format!("{} could not be read and were left out", bad.len()));
        }
        Ok(if self.strict && !bad.is_empty() { Exit::BadInput } else { Exit::Done })
    }
}

impl ShowArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        if !globals.incident.exists() {
            return Err(Error::Input(format!(
                "no incident file at {}: `allclear host collect --ssh HOST` makes one, and so does `allclear host import \
                 FILE` with what `allclear host collect > FILE` wrote",
                globals.incident.display()
            )));
        }
        let mut judged = hosts::judged(&globals.incident, globals.disclosure.first().map(String::as_str))?;
        if !self.hosts.is_empty() {
            if let Some(unknown) =
                self.hosts.iter().find(|h| !judged.hosts.iter().any(|j| j.state.host.eq_ignore_ascii_case(h)))
            {
                let known: Vec<&str> = judged.hosts.iter().map(|h| h.state.host.as_str()).take(20).collect();
                return Err(Error::Usage(format!(
                    "no evidence of a host `{unknown}`; known: {}",
                    known.join(", ")
                )));
            }
            judged.hosts.retain(|j| self.hosts.iter().any(|h| j.state.host.eq_ignore_ascii_case(h)));
        }
        if judged.hosts.is_empty() {
            console.warn("No host evidence yet: run `allclear host collect --ssh HOST`, or `allclear host import FILE`.");
        }
        if self.jsonl {
            report::hosts::jsonl(&judged.disclosure, &judged.hosts, &mut console.out)
                .map_err(Error::stdout)?;
        } else {
            show(&judged, console, globals)?;
        }
        console.out.flush().map_err(Error::stdout)?;
        Ok(Exit::Done)
    }
}
