//! A file server: vsftpd.

use std::path::Path;

use super::{Daemon, Port, command, configuration, home, installed, root, subfolder};
use crate::support::{certs::Identity, fresh_address};

/// vsftpd with AUTH TLS, with TLS from the first byte, and without TLS. An empty folder for anonymous users.
#[track_caller]
pub fn vsftpd(folder: &Path, identity: &Identity) -> Option<Daemon> {
    let vsftpd = installed("vsftpd", &["/usr/sbin/vsftpd"])?;
    if !root("vsftpd") {
        return None;
    }
    let (home, address) = (home(folder, "vs"), fresh_address());
    let ports = vec![
        Port::free("starttls-ftp", "vsftpd ftp"),
        Port::free("tls", "vsftpd ftps"),
        Port::free("starttls-ftp", "vsftpd ftp without TLS"),
    ];
    let (empty, root) = (subfolder(&home, "empty", 0o555), subfolder(&home, "root", 0o555));
    let mut commands = Vec::new();
    for port in &ports {
        let tls = if port.what.ends_with("without TLS") { "NO" } else { "YES" };
        let at_once = if port.wrap == "tls" { "YES" } else { "NO" };
        let text = format!(
            "listen=YES\nlisten_ipv6=NO\nbackground=NO\nlisten_address={address}\nlisten_port={}\nmax_per_ip=0\n\
             anonymous_enable=YES\nlocal_enable=NO\nanon_root={}\nftp_username=nobody\nnopriv_user=nobody\n\
             secure_chroot_dir={}\nssl_enable={tls}\nimplicit_ssl={at_once}\nallow_anon_ssl=YES\n\
             force_anon_logins_ssl=NO\nforce_anon_data_ssl=NO\nssl_tlsv1=YES\nrsa_cert_file={}\n\
             rsa_private_key_file={}\nxferlog_enable=NO\nseccomp_sandbox=NO\n",
            port.port,
            root.display(),
            empty.display(),
            identity.certificate.display(),
            identity.key.display()
        );
        let file = configuration(&home, &format!("vsftpd-{}.conf", port.port), &text);
        let mut run = command(Path::new("sh"));
        // What it has to say goes to its standard input.
        run.args(["-c", "exec \"$0\" \"$1\" <&1"]).arg(&vsftpd).arg(file);
        commands.push(run);
    }
    Some(Daemon::start(address, ports, commands, &home))
}
