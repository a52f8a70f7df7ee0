//! Chat servers: prosody and ejabberd for XMPP, inspircd for IRC. They run as whoever runs the test, and none of
//! them speaks to anybody of its own accord.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Daemon, Port, both, home, installed, subfolder};
use crate::support::{certs::Identity, fresh_address};

/// prosody for this host name: `prosody c2s` and `prosody s2s` with STARTTLS, both with ` direct TLS`, and both
/// with ` without TLS`.
pub fn prosody(folder: &Path, identity: &Identity, host: &str) -> Option<Daemon> {
    let binary = installed("prosody", &["/usr/bin/prosody"])?;
    let home = home(folder, "prosody");
    let address = fresh_address();
    let ports = vec![
        Port::free("starttls-xmpp-client", "prosody c2s"),
        Port::free("starttls-xmpp-server", "prosody s2s"),
        Port::free("tls", "prosody c2s direct TLS"),
        Port::free("tls", "prosody s2s direct TLS"),
        Port::free("starttls-xmpp-client", "prosody c2s without TLS"),
        Port::free("starttls-xmpp-server", "prosody s2s without TLS"),
    ];
    let serve = |name: &str, tls: bool, services: &[(&str, usize)]| {
        let own = subfolder(&home, name, 0o755);
        let numbers: String = services
            .iter()
            .map(|(service, at)| format!("{service}_ports = {{ {} }}\n", ports[*at].port))
            .collect();
        let text = format!(
            "pidfile = \"{own}/pid\"\ndata_path = \"{own}/data\"\ncertificates = \"{own}\"\nplugin_paths = {{}}\n\
             run_as_root = true\ninterfaces = {{ \"{address}\" }}\nlocal_interfaces = {{ \"{address}\" }}\n\
             c2s_direct_tls_ports = {{}}\ns2s_direct_tls_ports = {{}}\nlegacy_ssl_ports = {{}}\nhttp_ports = {{}}\n\
             https_ports = {{}}\ncomponent_ports = {{}}\n{numbers}\
             modules_enabled = {{ \"saslauth\", \"disco\", \"c2s\", \"s2s\"{tls} }}\nmodules_disabled = {{ \"offline\" }}\n\
             ssl = {{ key = \"{key}\", certificate = \"{certificate}\" }}\nauthentication = \"internal_plain\"\n\
             c2s_require_encryption = false\ns2s_require_encryption = false\nlog = {{ info = \"{own}/log\" }}\n\
             VirtualHost \"{host}\"\n",
            own = own.display(),
            tls = if tls { ", \"tls\"" } else { "" },
            key = identity.key.display(),
            certificate = identity.certificate.display(),
        );
        let config = own.join("prosody.cfg.lua");
        fs::write(&config, text).unwrap();
        fs::create_dir(own.join("data")).unwrap();
        let mut command = Command::new(&binary);
        command.env("HOME", &own).current_dir(&own).arg("--config").arg(&config).arg("-F");
        command
    };
    let commands = vec![
        serve("tls", true, &[("c2s", 0), ("s2s", 1), ("c2s_direct_tls", 2), ("s2s_direct_tls", 3)]),
        serve("bare", false, &[("c2s", 4), ("s2s", 5)]),
    ];
    Some(Daemon::start(address, ports, commands, &home))
}

/// Where Erlang finds ejabberd: the folder of libraries that it was installed in.
fn ejabberd_libraries() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let holds = |folder: &PathBuf| {
        let names = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        names.into_iter().any(|n| n.file_name().to_string_lossy().starts_with("ejabberd-"))
    };
    folders.into_iter().find(holds)
}

/// ejabberd for this host name, which has to be one of the certificate's: `ejabberd c2s` and `ejabberd s2s` with
/// STARTTLS, `ejabberd c2s direct TLS`, and `ejabberd c2s without TLS`.
///
/// Erlang runs it under no name. A node without a name starts no epmd, which would listen on every address and
/// outlive the node.
pub fn ejabberd(folder: &Path, identity: &Identity, host: &str) -> Option<Daemon> {
    installed("ejabberd", &["/usr/sbin/ejabberdctl"])?;
    let erl = installed("erlang", &["/usr/bin/erl"])?;
    let libraries = ejabberd_libraries()?;
    let home = home(folder, "ejabberd");
    let address = fresh_address();
    let ports = vec![
        Port::free("starttls-xmpp-client", "ejabberd c2s"),
        Port::free("starttls-xmpp-server", "ejabberd s2s"),
        Port::free("tls", "ejabberd c2s direct TLS"),
        Port::free("starttls-xmpp-client", "ejabberd c2s without TLS"),
    ];
    let listen = |at: usize, module: &str, options: &str| {
        format!("  - {{port: {}, ip: \"{address}\", module: {module}{options}}}\n", ports[at].port)
    };
    let listeners = [
        listen(0, "ejabberd_c2s", ", starttls: true, access: all"),
        listen(1, "ejabberd_s2s_in", ""),
        listen(2, "ejabberd_c2s", ", tls: true, access: all"),
        listen(3, "ejabberd_c2s", ", access: all"),
    ];
    let (spool, logs) = (subfolder(&home, "spool", 0o755), subfolder(&home, "log", 0o755));
    let config = home.join("ejabberd.yml");
    let text = format!(
        "hosts: [\"{host}\"]\nloglevel: info\ncertfiles: [\"{}\"]\nlisten:\n{}\
         s2s_use_starttls: optional\nauth_method: internal\nmodules:\n  mod_disco: {{}}\n",
        both(&home, identity).display(),
        listeners.concat()
    );
    fs::write(&config, text).unwrap();
    let inetrc = home.join("inetrc");
    fs::write(&inetrc, "{lookup, [file]}.\n").unwrap(); // no process that asks for names
    let mut command = Command::new(erl);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &home).env("ERL_LIBS", libraries);
    command.env("ERL_INETRC", inetrc).env("ERL_CRASH_DUMP", "/dev/null");
    command.env("EJABBERD_CONFIG_PATH", config).env("EJABBERD_LOG_PATH", logs.join("ejabberd.log"));
    command.current_dir(&home).args(["+K", "true", "+S", "2:2", "-noinput"]);
    command.args(["-os_mon", "start_memsup", "false", "start_disksup", "false", "start_cpu_sup", "false"]);
    command.arg("-mnesia").arg("dir").arg(format!("\"{}\"", spool.display())).args(["-s", "ejabberd"]);
    Some(Daemon::start(address, ports, vec![command], &home))
}

/// inspircd: `inspircd` with STARTTLS, `inspircd TLS`, and `inspircd without TLS`.
pub fn inspircd(folder: &Path, identity: &Identity) -> Option<Daemon> {
    let binary = installed("inspircd", &["/usr/sbin/inspircd"])?;
    let home = home(folder, "irc");
    let address = fresh_address();
    let ports = vec![
        Port::free("starttls-irc", "inspircd"),
        Port::free("tls", "inspircd TLS"),
        Port::free("starttls-irc", "inspircd without TLS"),
    ];
    let profile = format!(
        "<module name=\"ssl_gnutls\">\n<module name=\"starttls\">\n<starttls sslprofile=\"tls\">\n\
         <sslprofile name=\"tls\" provider=\"gnutls\" certfile=\"{}\" keyfile=\"{}\" cafile=\"\" crlfile=\"\" \
         priority=\"NORMAL\" hash=\"sha256\">\n\
         <bind address=\"{address}\" port=\"{}\" type=\"clients\" sslprofile=\"tls\">\n",
        identity.certificate.display(),
        identity.key.display(),
        ports[1].port
    );
    let serve = |name: &str, more: &str, port: u16| {
        let own = subfolder(&home, name, 0o755);
        let folders: String =
            ["config", "data", "log", "runtime"].map(|f| format!(" {f}dir=\"{}\"", own.display())).concat();
        // sourceip: else its socket for DNS, which it never uses here, is on every address.
        let text = format!(
            "<server name=\"irc.example.test\" description=\"test\" network=\"Test\">\n\
             <admin name=\"test\" nick=\"test\" email=\"test@example.test\">\n\
             <path{folders} moduledir=\"/usr/lib/inspircd/modules\">\n<pid file=\"{own}/pid\">\n\
             <module name=\"cap\">\n{more}<bind address=\"{address}\" port=\"{port}\" type=\"clients\">\n\
             <connect allow=\"*\" timeout=\"20\" threshold=\"1000\" commandrate=\"100000\" pingfreq=\"120\" \
             localmax=\"1000\" globalmax=\"1000\" resolvehostnames=\"no\" useident=\"no\">\n\
             <performance clonesonconnect=\"no\" softlimit=\"1000\">\n\
             <dns server=\"{address}\" timeout=\"1\" sourceip=\"{address}\" sourceport=\"0\">\n\
             <log method=\"file\" type=\"* -USERINPUT -USEROUTPUT\" level=\"default\" target=\"irc.log\">\n",
            own = own.display()
        );
        let config = own.join("inspircd.conf");
        fs::write(&config, text).unwrap();
        let mut command = Command::new(&binary);
        command.current_dir(&own).args(["--runasroot", "--nofork", "--config"]).arg(&config);
        command
    };
    let commands = vec![serve("tls", &profile, ports[0].port), serve("bare", "", ports[2].port)];
    Some(Daemon::start(address, ports, commands, &home))
}
