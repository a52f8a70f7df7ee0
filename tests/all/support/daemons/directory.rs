//! slapd, OpenLDAP's server, which Debian builds with GnuTLS. It holds nothing: its database is the one that
//! forgets everything.

use std::{fs, path::Path, process::Command};

use super::{Daemon, Port, home, installed};
use crate::support::{certs::Identity, fresh_address};

/// `slapd ldap` with StartTLS, `slapd ldaps`, and `slapd ldap without TLS`.
pub fn slapd(folder: &Path, identity: &Identity) -> Option<Daemon> {
    let binary = installed("slapd", &["/usr/sbin/slapd", "/usr/lib/openldap/slapd"])?;
    let home = home(folder, "ldap");
    let address = fresh_address();
    let ports = vec![
        Port::free("starttls-ldap", "slapd ldap"),
        Port::free("tls", "slapd ldaps"),
        Port::free("starttls-ldap", "slapd ldap without TLS"),
    ];
    let tls = format!(
        "TLSCertificateFile {}\nTLSCertificateKeyFile {}\nTLSVerifyClient never\n",
        identity.certificate.display(),
        identity.key.display()
    );
    let serve = |name: &str, tls: &str, places: &str| {
        let config = home.join(format!("{name}.conf"));
        let own = home.join(name);
        let text = format!(
            "modulepath /usr/lib/ldap\nmoduleload back_null\npidfile {own}.pid\nargsfile {own}.args\n\
             {tls}database null\nsuffix cn=test\n",
            own = own.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(&binary);
        // The library behind it reads the settings of this machine's LDAP clients otherwise.
        command.env("LDAPNOINIT", "1").arg("-f").arg(&config).args(["-d", "0", "-h", places]);
        command
    };
    let [ldap, ldaps, bare] = [0, 1, 2].map(|i| ports[i].port);
    let commands = vec![
        serve("tls", &tls, &format!("ldap://{address}:{ldap}/ ldaps://{address}:{ldaps}/")),
        serve("bare", "", &format!("ldap://{address}:{bare}/")),
    ];
    Some(Daemon::start(address, ports, commands, &home))
}
