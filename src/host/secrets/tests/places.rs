//! Where keys lie: links, folders by custom, files that cannot be read, and what a record says of a file.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use super::{Host, keys};
use crate::{
    host::cover::Cover,
    model::host::{KeyAlgorithm, KeyForm},
};

#[test]
fn a_link_of_certbot_keeps_both_paths_and_all_who_use_it() {
    let host = Host::new();
    host.pair("/etc/letsencrypt/archive/x/privkey3.pem", "/etc/letsencrypt/archive/x/cert3.pem");
    fs::create_dir_all(host.path("/etc/letsencrypt/live/x")).unwrap();
    for name in ["privkey", "cert"] {
        let target = format!("../../archive/x/{name}3.pem");
        symlink(target, host.path(&format!("/etc/letsencrypt/live/x/{name}.pem"))).unwrap();
    }
    host.write("/etc/letsencrypt/accounts/a/b/private_key.json", "{\"kty\":\"RSA\",\"d\":\"c2VjcmV0\"}");
    host.write("/etc/nginx/nginx.conf", "ssl_certificate_key /etc/letsencrypt/live/x/privkey.pem;");
    let (keys, coverage) = host.keys();
    assert!(coverage.complete, "{:?}", coverage.gaps);
    assert_eq!(keys.len(), 2);
    let account = &keys[0];
    assert_eq!((account.form, account.algorithm), (KeyForm::Unknown, KeyAlgorithm::Unknown));
    assert_eq!(account.note.as_deref(), Some("key of an ACME account"));
    let key = &keys[1];
    assert_eq!(key.path, "/etc/letsencrypt/live/x/privkey.pem");
    assert_eq!(key.real_path.as_deref(), Some("/etc/letsencrypt/archive/x/privkey3.pem"));
    assert_eq!(key.services, ["certbot", "nginx"]);
    assert_eq!(key.configured_at, ["/etc/nginx/nginx.conf:1"]);
    assert_eq!(key.note, None);
}

#[test]
fn keys_that_nothing_names_have_no_service() {
    let host = Host::new();
    host.pair("/etc/ssl/private/used.key", "/tmp/u").pair("/etc/ssl/private/deep/old.key", "/tmp/o");
    host.write("/etc/ssl/private/notes.txt", "nothing here");
    symlink("used.key", host.path("/etc/ssl/private/same.key")).unwrap();
    host.write("/etc/vsftpd.conf", "rsa_private_key_file=/etc/ssl/private/used.key\n");
    assert_eq!(
        host.seen(),
        ["/etc/ssl/private/deep/old.key [] ", "/etc/ssl/private/used.key [vsftpd] /etc/vsftpd.conf:1"]
    );
    assert!(host.keys().1.complete);
}

#[test]
fn mode_owner_and_times_are_those_of_the_file() {
    let host = Host::new();
    host.pair("/k", "/c").write("/etc/vsftpd.conf", "rsa_private_key_file=/k\n");
    fs::set_permissions(host.path("/k"), fs::Permissions::from_mode(0o640)).unwrap();
    let meta = fs::metadata(host.path("/k")).unwrap();
    let (uid, gid) = (std::os::unix::fs::MetadataExt::uid(&meta), std::os::unix::fs::MetadataExt::gid(&meta));
    let key = &host.keys().0[0];
    assert_eq!(key.mode.as_deref(), Some("0640"));
    assert_eq!(key.user.as_deref(), Some(uid.to_string().as_str()), "a number where no name is known");
    host.write("/etc/passwd", format!("broken\nkeeper:x:{uid}:0::/:/bin/sh\nlater:x:{uid}:0::/:/bin/sh\n"));
    host.write("/etc/group", format!("keepers:x:{gid}:\n"));
    let key = &host.keys().0[0];
    assert_eq!((key.user.as_deref(), key.group.as_deref()), (Some("keeper"), Some("keepers")));
    let modified = meta.modified().unwrap().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(key.modified_at.unwrap().micros(), i64::try_from(modified.as_micros()).unwrap());
    assert_eq!(key.created_at.is_some(), meta.created().is_ok());
}

#[test]
fn what_is_configured_and_not_there_is_a_gap() {
    let host = Host::new();
    host.write(
        "/etc/nginx/nginx.conf",
        "http {\n ssl_certificate_key /gone.key;\n ssl_certificate_key /dir;\n}",
    );
    host.write("/dir/x", "")
        .write("/etc/stunnel/a.conf", "cert = /cert.pem\n")
        .write("/cert.pem", super::pair().1);
    host.write("/etc/vsftpd.conf", "rsa_private_key_file=/text\n").write("/text", "nothing");
    assert_eq!(
        host.gaps(),
        [
            "key-missing: /gone.key (configured at /etc/nginx/nginx.conf:2)",
            "key-not-in-file: /cert.pem (configured at /etc/stunnel/a.conf:1)",
            "key-not-understood: /text (configured at /etc/vsftpd.conf:1)",
            "key-unreadable: /dir",
        ]
    );
    let keys = host.keys().0;
    let seen: Vec<_> = keys.iter().map(|k| (k.path.as_str(), k.readable)).collect();
    assert_eq!(seen, [("/dir", false), ("/text", true)]);
}

/// Whether permissions hold us back at all; root passes them.
fn held_back(host: &Host, path: &str) -> bool {
    fs::set_permissions(host.path(path), fs::Permissions::from_mode(0o000)).unwrap();
    // A file that cannot be opened, a folder that cannot be listed.
    fs::File::open(host.path(path)).is_err()
}

#[test]
fn a_key_that_may_not_be_read_keeps_its_place() {
    let host = Host::new();
    host.pair("/k", "/c").write("/etc/vsftpd.conf", "rsa_private_key_file=/k\n");
    if !held_back(&host, "/k") {
        super::skipped("this user may read everything");
        return;
    }
    let (keys, coverage) = host.keys();
    assert_eq!((keys.len(), keys[0].readable, keys[0].mode.as_deref()), (1, false, Some("0000")));
    assert_eq!(coverage.gaps[0].what, "key-unreadable");
    // A folder that may not be searched: what is configured there has a record, what only may be there has none.
    host.pair("/root/.kube/config", "/etc/closed/k")
        .write("/etc/vsftpd.conf", "rsa_private_key_file=/etc/closed/k\n");
    assert!(held_back(&host, "/root/.kube") && held_back(&host, "/etc/closed"));
    let (keys, coverage) = host.keys();
    let seen: Vec<_> = keys.iter().map(|k| (k.path.as_str(), k.readable)).collect();
    assert_eq!(seen, [("/etc/closed/k", false)]);
    let gaps: Vec<_> = coverage.gaps.iter().map(|g| (g.what.as_str(), g.examples.join(" "))).collect();
    let expected = [("folder-unreadable", "/root/.kube/config"), ("key-unreadable", "/etc/closed/k")];
    assert_eq!(gaps, expected.map(|(what, path)| (what, path.to_owned())));
    for folder in ["/root/.kube", "/etc/closed"] {
        fs::set_permissions(host.path(folder), fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn nothing_is_looked_at_when_the_time_is_over() {
    let host = Host::new();
    host.pair("/k", "/c").write("/etc/vsftpd.conf", "rsa_private_key_file=/k\n");
    let cover = Cover::new(Some(std::time::Duration::ZERO));
    assert!(keys(&super::root(host.folder.path()), &cover).is_empty());
    assert!(cover.coverage().gaps.iter().any(|g| g.what == "time-limit"));
}

#[test]
fn host_keys_of_sshd_are_found_without_being_named() {
    let host = Host::new();
    host.pair("/etc/ssh/ssh_host_ecdsa_key", "/tmp/x").write("/etc/ssh/sshd_config", "Port 22\n");
    assert_eq!(host.seen(), ["/etc/ssh/ssh_host_ecdsa_key [sshd] "]);
    // One that is named replaces all others.
    host.pair("/k", "/tmp/x").write("/etc/ssh/sshd_config", "HostKey /k\n");
    assert_eq!(host.seen(), ["/k [sshd] /etc/ssh/sshd_config:1"]);
}

#[test]
fn kubernetes_and_others_by_their_folders() {
    let host = Host::new();
    host.pair("/etc/kubernetes/pki/apiserver.key", "/etc/kubernetes/pki/apiserver.crt");
    host.pair("/etc/kubernetes/pki/etcd/ca.key", "/etc/kubernetes/pki/etcd/ca.crt");
    host.pair("/var/lib/caddy/.local/share/caddy/certificates/le/h/h.key", "/tmp/x");
    host.pair("/etc/swanctl/private/s.pem", "/tmp/x")
        .write("/etc/kubernetes/admin.conf", "client-key-data: c2VjcmV0");
    let seen = host.seen();
    assert_eq!(
        seen,
        [
            "/etc/kubernetes/admin.conf [kubernetes] ",
            "/etc/kubernetes/pki/apiserver.key [kubernetes] ",
            "/etc/kubernetes/pki/etcd/ca.key [kubernetes] ",
            "/etc/swanctl/private/s.pem [strongswan] ",
            "/var/lib/caddy/.local/share/caddy/certificates/le/h/h.key [caddy] ",
        ]
    );
}
