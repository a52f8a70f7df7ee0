//! The table is whole, and programs are told by their files' names.

use std::collections::BTreeSet;

use super::{Table, program, without_version};

#[test]
fn every_entry_is_well_formed_and_no_name_is_used_twice() {
    let table: Table = toml::from_str(include_str!("clients.toml")).unwrap();
    assert!(table.client.len() > 40);
    let mut names = BTreeSet::new();
    for client in &table.client {
        assert!(matches!(client.role.as_str(), "client" | "proxy"), "{client:?}");
        assert!(!client.what.is_empty() && !client.holds.is_empty() && !client.programs.is_empty());
        let texts = client.holds.iter().chain([&client.what]);
        for text in texts {
            assert!(
                text.len() > 2 && text.len() < 200 && text.trim() == text && !text.ends_with('.'),
                "{text}"
            );
        }
        for name in &client.programs {
            assert!(names.insert(name.clone()), "{name} stands there twice");
            assert!(!name.contains(['/', ' ']) && !name.is_empty(), "{name}");
            // A name with a version of its own would hide the one without.
            let bare = without_version(name);
            assert!(bare == name || program(bare).is_none_or(|p| p.what == client.what), "{name}");
        }
    }
}

#[test]
fn a_version_or_a_folder_does_not_matter() {
    for (path, what) in [
        ("/usr/bin/curl", "http client"),
        ("/usr/bin/python3.11", "Python program"),
        ("/usr/local/bin/python3", "Python program"),
        ("/usr/sbin/php-fpm8.2", "PHP program"),
        ("/usr/lib/postgresql/15/bin/psql", "PostgreSQL client"),
        ("ruby3.1", "Ruby program"),
        ("/opt/node-18/bin/node (deleted)", "JavaScript program"),
        ("/usr/bin/stunnel4", "tunnel"),
        ("/usr/bin/wget2", "http client"),
        ("/usr/lib/git-core/git-remote-https", "version control client"),
        ("/usr/sbin/exim4", "mail transfer agent"),
    ] {
        assert_eq!(program(path).map(|p| p.what).as_deref(), Some(what), "{path}");
    }
    assert_eq!(program("/usr/sbin/haproxy").unwrap().role, "proxy");
    assert!(program("/usr/bin/psql").unwrap().holds.iter().any(|h| h.contains("~/.pgpass")));
    // These speak no TLS, or are not known.
    for path in [
        "",
        "/",
        "/usr/bin/ssh",
        "/usr/bin/rsync",
        "/usr/sbin/varnishd",
        "/usr/bin/curlish",
        "/bin/7",
        "/usr/bin/",
    ] {
        assert_eq!(program(path), None, "{path}");
    }
}
