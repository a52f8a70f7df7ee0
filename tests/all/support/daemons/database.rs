//! Database servers: PostgreSQL and MariaDB. Both refuse to run as root, or should not: there they run as the users
//! that their packages made, and else as whoever runs the test.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Daemon, Port, command, home, installed, user};
use crate::support::{HANG, certs::Identity, fresh_address, peers::missing, run_with_limit};

/// Whom a server runs as.
#[derive(Clone, Copy, Debug)]
enum Runs {
    /// Whoever runs the test.
    AsWeDo,
    /// This user and group.
    As(u32, u32),
}

/// This user where the test runs as root, else whoever runs it. `None` where there is no such user, which is said.
fn run_as(name: &str) -> Option<Runs> {
    if !rustix::process::geteuid().is_root() {
        return Some(Runs::AsWeDo);
    }
    let found = user(name).map(|(id, group)| Runs::As(id, group));
    if found.is_none() {
        missing(&format!("the user {name}"));
    }
    found
}

fn give(path: &Path, runs: Runs, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    if let Runs::As(id, group) = runs {
        chown(path, Some(id), Some(group)).unwrap();
    }
}

/// A server's folder with key and certificate in it, all of it theirs who run it.
fn furnished(folder: &Path, name: &str, identity: &Identity, runs: Runs) -> PathBuf {
    let home = home(folder, name);
    for (from, to) in [(&identity.key, "key.pem"), (&identity.certificate, "chain.pem")] {
        let to = home.join(to);
        fs::copy(from, &to).unwrap();
        give(&to, runs, 0o600);
    }
    give(&home, runs, 0o700);
    home
}

fn command_for(program: &Path, runs: Runs, home: &Path) -> Command {
    let mut command = command(program);
    command.current_dir(home).env("HOME", home);
    if let Runs::As(id, group) = runs {
        command.uid(id).gid(group);
    }
    command
}

/// PostgreSQL's programs, of the newest version that is installed.
fn postgresql_programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let programs = versions.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").is_file());
    let number = |bin: &PathBuf| bin.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let found = programs.max_by_key(number);
    if found.is_none() {
        missing("postgresql");
    }
    found
}

/// The command with its System V shared memory to itself, where that is allowed: PostgreSQL is ended without notice
/// and would leave a segment behind, and in a namespace of its own that ends with it.
fn with_own_memory(program: &Path, runs: Runs, home: &Path) -> Command {
    let unshare = Path::new("/usr/bin/unshare");
    let options: Vec<String> = match runs {
        Runs::As(id, group) => vec!["--ipc".into(), format!("--setuid={id}"), format!("--setgid={group}")],
        Runs::AsWeDo => vec!["--user".into(), "--map-current-user".into(), "--ipc".into()],
    };
    let tried = Command::new(unshare).args(&options).arg("true").stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        return command_for(program, runs, home);
    }
    // It becomes the user itself, behind what only root may do.
    let mut whole = command_for(unshare, Runs::AsWeDo, home);
    whole.args(options).arg("--").arg(program);
    whole
}

/// PostgreSQL: `postgresql`, and `postgresql without TLS`.
pub fn postgresql(folder: &Path, identity: &Identity) -> Option<Daemon> {
    let programs = postgresql_programs()?;
    let runs = run_as("postgres")?;
    let home = furnished(folder, "pg", identity, runs);
    let address = fresh_address();
    let ports = vec![
        Port::free("starttls-postgres", "postgresql"),
        Port::free("starttls-postgres", "postgresql without TLS"),
    ];
    let mut commands = Vec::new();
    for (port, tls) in ports.iter().zip([true, false]) {
        let data = home.join(if tls { "tls" } else { "bare" });
        let mut make = command_for(&programs.join("initdb"), runs, &home);
        make.arg("-D").arg(&data).args(["-A", "reject", "-N", "-U", "test", "--locale=C", "-E", "UTF8"]);
        make.args(["--no-instructions", "--wal-segsize=1"]);
        run_with_limit(&mut make, b"", HANG).expect_code(0);
        let mut serve = with_own_memory(&programs.join("postgres"), runs, &home);
        let mut set = |name: &str, value: &str| {
            serve.arg("-c").arg(format!("{name}={value}"));
        };
        set("listen_addresses", &address.to_string());
        set("port", &port.port.to_string());
        set("unix_socket_directories", &home.display().to_string());
        set("dynamic_shared_memory_type", "mmap"); // in the data folder, and not in /dev/shm
        set("fsync", "off");
        set("shared_buffers", "1MB");
        set("ssl", if tls { "on" } else { "off" });
        set("ssl_key_file", &home.join("key.pem").display().to_string());
        set("ssl_cert_file", &home.join("chain.pem").display().to_string());
        serve.arg("-D").arg(&data);
        commands.push(serve);
    }
    Some(Daemon::start(address, ports, commands, &home))
}

/// MariaDB: `mariadb`, and `mariadb without TLS`. It has no tables at all, not even those of its users, and may
/// neither read nor write a file for anyone.
pub fn mariadb(folder: &Path, identity: &Identity) -> Option<Daemon> {
    let binary = installed("mariadb-server", &["/usr/sbin/mariadbd"])?;
    let runs = run_as("mysql")?;
    let home = furnished(folder, "mariadb", identity, runs);
    let address = fresh_address();
    let ports =
        vec![Port::free("starttls-mysql", "mariadb"), Port::free("starttls-mysql", "mariadb without TLS")];
    let commands = ports.iter().zip(["tls", "bare"]).map(|(port, name)| {
        let data = home.join(name);
        fs::create_dir(&data).unwrap();
        give(&data, runs, 0o700);
        let mut serve = command_for(&binary, runs, &home);
        serve.arg("--no-defaults"); // has to be first
        for (option, file) in [("datadir", ""), ("tmpdir", ""), ("socket", "s"), ("pid-file", "pid")] {
            serve.arg(format!("--{option}={}", data.join(file).display()));
        }
        serve.arg(format!("--secure-file-priv={}", data.display()));
        serve.arg(format!("--bind-address={address}")).arg(format!("--port={}", port.port));
        serve.args([
            "--skip-grant-tables",
            "--skip-innodb",
            "--default-storage-engine=Aria",
            "--skip-name-resolve",
        ]);
        if name == "tls" {
            serve.arg(format!("--ssl-key={}", home.join("key.pem").display()));
            serve.arg(format!("--ssl-cert={}", home.join("chain.pem").display()));
        } else {
            serve.arg("--skip-ssl");
        }
        serve
    });
    let commands = commands.collect();
    Some(Daemon::start(address, ports, commands, &home))
}
