//! Mail servers: postfix, exim and dovecot. None delivers anything or knows an account.

use std::{
    fs::{self, File, Permissions},
    net::IpAddr,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use super::{Daemon, Port, both, command, configuration, home, installed, root, subfolder, user};
use crate::support::{certs::Identity, fresh_address, peers::missing};

/// Postfix: SMTP, submission and smtps, and ports that offer no TLS and that turn everybody away.
#[track_caller]
pub fn postfix(folder: &Path, identity: &Identity) -> Option<Daemon> {
    let master = installed("postfix", &["/usr/lib/postfix/sbin/master", "/usr/libexec/postfix/master"])?;
    let Some((uid, _)) = user("postfix") else {
        missing("postfix's user");
        return None;
    };
    if !root("postfix") {
        return None;
    }
    let (home, address) = (home(folder, "pf"), fresh_address());
    let smtp = |what| Port::free("starttls-smtp", what);
    let services = [
        (smtp("postfix smtp"), ""),
        (smtp("postfix submission"), "-o smtpd_tls_security_level=encrypt"),
        (Port::free("tls", "postfix smtps"), "-o smtpd_tls_wrappermode=yes"),
        (smtp("postfix smtp without TLS"), "-o smtpd_tls_security_level=none"),
        (smtp("postfix that defers"), "-o smtpd_client_restrictions=defer -o smtpd_delay_reject=no"),
    ];
    let lines: String = services
        .iter()
        .map(|(port, options)| format!("{address}:{} inet n - n - - smtpd {options}\n", port.port))
        .collect();
    configuration(
        &home,
        "master.cf",
        &format!(
            "postlog unix-dgram n - n - 1 postlogd\ntlsmgr unix - - n - 1 tlsmgr\nanvil unix - - n - 1 anvil\n\
             rewrite unix - - n - - trivial-rewrite\nproxymap unix - - n - - proxymap\n{lines}"
        ),
    );
    // An own address of the machine must stand in inet_interfaces, which the rest of 127.0.0.0/8 is not to Postfix.
    let main = configuration(
        &home,
        "main.cf",
        &format!(
            "compatibility_level = 3.6\nqueue_directory = {home}/q\ndata_directory = {home}/data\n\
             maillog_file = {home}/log\nmaillog_file_prefixes = {home}\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nmyhostname = mail.test\nmydestination =\nalias_maps =\nalias_database =\n\
             smtpd_peername_lookup = no\nsmtpd_client_connection_count_limit = 0\n\
             smtpd_relay_restrictions = reject\nsmtpd_tls_chain_files = {chain}\nsmtpd_tls_security_level = may\n",
            home = home.display(),
            chain = both(&home, identity).display()
        ),
    );
    // It waits for seconds when this file is new: somebody might be writing it still.
    let before = SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(main).unwrap().set_modified(before).unwrap();
    for name in ["q", "q/pid"] {
        subfolder(&home, name, 0o755);
    }
    for name in
        ["data", "q/private", "q/public", "q/active", "q/incoming", "q/deferred", "q/defer", "q/bounce"]
    {
        chown(subfolder(&home, name, 0o755), Some(uid), None).unwrap();
    }
    let mut postfix = command(&master);
    // -d: stay a child of ours, in the process group that we made.
    postfix.arg("-d").arg("-c").arg(&home).env("MAIL_CONFIG", &home);
    let ports = services.into_iter().map(|(port, _)| port).collect();
    Some(Daemon::start(address, ports, vec![postfix], &home))
}

/// Exim with GnuTLS: SMTP and smtps, and a port that offers no TLS. It conflicts with postfix as a package, so it is
/// unpacked. It insists on a user, who is made in a mount namespace that ends with it unless this machine has them.
#[track_caller]
pub fn exim(folder: &Path, identity: &Identity) -> Option<Daemon> {
    let exim = installed("exim4", &["exim4/usr/sbin/exim4", "/usr/sbin/exim4"])?;
    if !root("exim4") {
        return None;
    }
    let known = user("Debian-exim");
    let namespace = || Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    if known.is_none() && !namespace().is_ok_and(|s| s.success()) {
        missing("exim4's user Debian-exim, or else the right to make mount namespaces,");
        return None;
    }
    let (home, address) = (home(folder, "ex"), fresh_address());
    let ports = vec![
        Port::free("starttls-smtp", "exim smtp"),
        Port::free("tls", "exim smtps"),
        Port::free("starttls-smtp", "exim smtp without TLS"),
    ];
    let (uid, _) = known.unwrap_or((47111, 47111));
    // It reads them anew for every connection, as its user.
    for (name, source) in [("key.pem", &identity.key), ("certificate.pem", &identity.certificate)] {
        let copy = home.join(name);
        fs::copy(source, &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
        chown(&copy, Some(uid), None).unwrap();
    }
    for name in ["spool", "spool/input", "spool/db", "spool/msglog", "log"] {
        chown(subfolder(&home, name, 0o755), Some(uid), None).unwrap();
    }
    let file = exim_configuration(&home, address, &ports);
    let mut run = if known.is_some() {
        command(&exim)
    } else {
        let user =
            format!("root:x:0:0::/:/bin/sh\nmail:x:8:8::/:/bin/sh\nDebian-exim:x:{uid}:{uid}::/:/bin/sh\n");
        configuration(&home, "passwd", &user);
        configuration(&home, "group", &format!("root:x:0:\nmail:x:8:\nDebian-exim:x:{uid}:\n"));
        let script =
            "mount --bind \"$0/passwd\" /etc/passwd && mount --bind \"$0/group\" /etc/group && exec \"$@\"";
        let mut unshare = command(Path::new("unshare"));
        unshare.args(["-m", "sh", "-c", script]).arg(&home).arg(&exim);
        unshare
    };
    // What it is linked with and this machine may lack is unpacked beside it.
    let libraries = exim.ancestors().nth(2).map(|usr| usr.join("lib/x86_64-linux-gnu"));
    run.env("LD_LIBRARY_PATH", libraries.unwrap_or_default()).arg("-bdf").arg("-C").arg(file);
    Some(Daemon::start(address, ports, vec![run], &home))
}

fn exim_configuration(home: &Path, address: IpAddr, ports: &[Port]) -> PathBuf {
    let [smtp, smtps, without] = [0, 1, 2].map(|n: usize| ports[n].port);
    configuration(
        home,
        "exim.conf",
        &format!(
            "primary_hostname = mail.test\nspool_directory = {home}/spool\nlog_file_path = {home}/log/%slog\n\
             pid_file_path = {home}/spool/pid\nlocal_interfaces = <; {address}\n\
             daemon_smtp_ports = {smtp} : {smtps} : {without}\ntls_on_connect_ports = {smtps}\n\
             tls_advertise_hosts = ${{if eq{{$received_port}}{{{without}}}{{}}{{*}}}}\n\
             tls_certificate = {home}/certificate.pem\ntls_privatekey = {home}/key.pem\nhost_lookup =\n\
             rfc1413_query_timeout = 0s\nsmtp_accept_max = 200\ndaemon_startup_retries = 0\nkeep_environment =\n\
             acl_smtp_rcpt = deny\n",
            home = home.display()
        ),
    )
}

/// Dovecot: IMAP, POP3, LMTP and ManageSieve with STARTTLS, imaps and pop3s; and a second instance that offers no TLS.
#[track_caller]
pub fn dovecot(folder: &Path, identity: &Identity) -> Option<Daemon> {
    let dovecot = installed("dovecot", &["/usr/sbin/dovecot"])?;
    for module in ["imap-login", "pop3-login", "lmtp", "managesieve-login"] {
        installed(&format!("dovecot's {module}"), &[&format!("/usr/lib/dovecot/{module}")])?;
    }
    let address = fresh_address();
    let protected = [
        Port::free("starttls-imap", "dovecot imap"),
        Port::free("starttls-pop3", "dovecot pop3"),
        Port::free("starttls-lmtp", "dovecot lmtp"),
        Port::free("starttls-sieve", "dovecot managesieve"),
        Port::free("tls", "dovecot imaps"),
        Port::free("tls", "dovecot pop3s"),
    ];
    let open = [
        Port::free("starttls-imap", "dovecot imap without TLS"),
        Port::free("starttls-pop3", "dovecot pop3 without TLS"),
        Port::free("starttls-lmtp", "dovecot lmtp without TLS"),
        Port::free("starttls-sieve", "dovecot managesieve without TLS"),
    ];
    let home = home(folder, "dc");
    let (key, certificate) = (identity.key.display(), identity.certificate.display());
    let tls = format!(
        "ssl = yes\nssl_cert = <{certificate}\nssl_key = <{key}\nssl_min_protocol = TLSv1.2\nssl_dh =\n"
    );
    let commands =
        [("a", &protected[..], tls.as_str()), ("b", &open[..], "ssl = no\n")].map(|(name, ports, tls)| {
            let own = subfolder(&home, name, 0o755);
            let listeners: String = ports.iter().map(|port| dovecot_listener(port, address)).collect();
            let text = format!(
                "base_dir = {own}/run\nstate_dir = {own}/lib\nlog_path = {own}/log\nlisten = {address}\n\
             protocols = imap pop3 lmtp sieve\nmail_location = maildir:{own}/mail\n{}{tls}\
             passdb {{\n  driver = static\n  args = password=unused\n}}\n\
             userdb {{\n  driver = static\n  args = uid=65534 gid=65534 home={own}/mail\n}}\n{listeners}",
                dovecot_users(),
                own = own.display()
            );
            let mut run = command(&dovecot);
            run.arg("-F").arg("-c").arg(configuration(&own, "dovecot.conf", &text));
            run
        });
    Some(Daemon::start(address, [&protected[..], &open[..]].concat(), commands.into(), &home))
}

/// A listener of the service that the port's description names.
fn dovecot_listener(port: &Port, address: IpAddr) -> String {
    let kind = port.what.split(' ').nth(1).unwrap_or_default();
    let (service, listener) = match kind {
        "lmtp" => ("lmtp", "lmtp"),
        "managesieve" => ("managesieve-login", "sieve"),
        "imap" | "imaps" => ("imap-login", kind),
        _ => ("pop3-login", kind),
    };
    let ssl = if port.wrap == "tls" { "    ssl = yes\n" } else { "" };
    format!(
        "service {service} {{\n  inet_listener {listener} {{\n    address = {address}\n    port = {}\n{ssl}  }}\n}}\n",
        port.port
    )
}

/// As whom dovecot's parts run: the package's users as root, or this user for everything.
fn dovecot_users() -> String {
    if rustix::process::geteuid().is_root() {
        if user("dovenull").is_some() && user("dovecot").is_some() {
            return String::new();
        }
        return "default_login_user = nobody\ndefault_internal_user = nobody\ndefault_internal_group = nogroup\n".into();
    }
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let name = |file: &str, number: u32| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|l| l.split(':').nth(2) == Some(&number.to_string())).map(str::to_owned);
        line.and_then(|l| l.split(':').next().map(str::to_owned)).unwrap_or_default()
    };
    let (user, group) = (name("/etc/passwd", uid), name("/etc/group", gid));
    let no_chroot = ["imap-login", "pop3-login", "managesieve-login", "anvil"]
        .map(|service| format!("service {service} {{\n  chroot =\n}}\n"))
        .concat();
    format!(
        "default_login_user = {user}\ndefault_internal_user = {user}\ndefault_internal_group = {group}\n\
         service lmtp {{\n  user = {user}\n}}\n{no_chroot}"
    )
}
