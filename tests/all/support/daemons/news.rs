//! A news server: INN's nnrpd, which is the part of it that readers speak to.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use super::{Daemon, Port, command, configuration, home, installed, root, subfolder, user};
use crate::support::{certs::Identity, fresh_address, peers::missing};

/// nnrpd with STARTTLS, with TLS from the first byte, and without TLS. One local group without articles.
#[track_caller]
pub fn inn(folder: &Path, identity: &Identity) -> Option<Daemon> {
    let nnrpd = installed("inn2", &["inn2/usr/lib/news/bin/nnrpd", "/usr/lib/news/bin/nnrpd"])?;
    let (news, usr) = (nnrpd.ancestors().nth(2).unwrap(), nnrpd.ancestors().nth(4).unwrap());
    let libraries = format!("{}:{}/lib/x86_64-linux-gnu", news.display(), usr.display());
    let Some((uid, gid)) = user("news") else {
        missing("inn2's user");
        return None;
    };
    if !root("inn2") {
        return None;
    }
    let (home, address) = (home(folder, "nn"), fresh_address());
    let ports = vec![
        Port::free("starttls-nntp", "inn nntp"),
        Port::free("tls", "inn nntps"),
        Port::free("starttls-nntp", "inn nntp without TLS"),
    ];
    for name in ["db", "etc", "run", "log", "tmp", "http", "spool", "spool/overview", "spool/articles"] {
        subfolder(&home, name, 0o755);
    }
    configuration(
        &home,
        "etc/readers.conf",
        "auth \"all\" {\n  hosts: \"*\"\n  default: \"<anyone>\"\n}\n\
         access \"all\" {\n  users: \"<anyone>\"\n  newsgroups: \"*\"\n}\n",
    );
    configuration(&home, "db/active", "local.test 0000000000 0000000001 y\n");
    for empty in ["etc/storage.conf", "db/newsgroups", "spool/overview/group.index"] {
        configuration(&home, empty, "");
    }
    // It demands a key that only its user may read.
    for (name, source) in [("etc/key.pem", &identity.key), ("etc/certificate.pem", &identity.certificate)] {
        fs::copy(source, home.join(name)).unwrap();
        fs::set_permissions(home.join(name), Permissions::from_mode(0o600)).unwrap();
    }
    let mut commands = Vec::new();
    for (port, certificate) in ports.iter().zip(["certificate.pem", "certificate.pem", "none.pem"]) {
        let file = format!("etc/inn-{}.conf", port.port);
        let text = format!(
            "mta: /bin/false\norganization: test\novmethod: tradindexed\nhismethod: hisv6\npathhost: news.test\n\
             domain: test\nfromhost: news.test\nserver: {address}\npathnews: {news}\npathdb: {home}/db\n\
             pathetc: {home}/etc\npathrun: {home}/run\npathlog: {home}/log\npathtmp: {home}/tmp\n\
             pathspool: {home}/spool\npathhttp: {home}/http\ntlscertfile: {home}/etc/{certificate}\n\
             tlskeyfile: {home}/etc/key.pem\n",
            home = home.display(),
            news = news.display()
        );
        let file = configuration(&home, &file, &text);
        let mut run = command(&nnrpd);
        run.env("INNCONF", file).env("LD_LIBRARY_PATH", &libraries).args([
            "-D",
            "-f",
            "-n",
            "-4",
            &address.to_string(),
            "-p",
            &port.port.to_string(),
        ]);
        if port.wrap == "tls" {
            run.arg("-S");
        }
        commands.push(run);
    }
    give(&home, uid, gid);
    Some(Daemon::start(address, ports, commands, &home))
}

/// Makes a user the owner of a folder and of all that is in it.
fn give(path: &Path, uid: u32, gid: u32) {
    chown(path, Some(uid), Some(gid)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid, gid);
        }
    }
}
