//! Mail and chat services with rules of their own: Postfix, Dovecot, Exim, Prosody, and clients of databases.

use super::Host;

#[test]
fn postfix_expands_its_parameters_and_takes_lists() {
    let host = Host::new();
    for name in ["a.example.key", "rsa.pem", "ec.pem", "client.key", "submission.key"] {
        host.pair(&format!("/etc/postfix/tls/{name}"), "/tmp/unused");
    }
    host.write(
        "/etc/postfix/main.cf",
        "myhostname = a.example\ntls = ${config_directory}/tls\nsmtpd_tls_key_file = $tls/$myhostname.key\n\
         smtpd_tls_chain_files =\n    ${tls}/rsa.pem,\n    $(tls)/ec.pem\n# smtpd_tls_key_file = /no\n\
         smtp_tls_key_file=$tls/client.key\nlmtp_tls_key_file = $unknown/x\n",
    );
    host.write(
        "/etc/postfix/master.cf",
        "submission inet n - y - - smtpd\n  -o smtpd_tls_key_file=/etc/postfix/tls/submission.key\n  -o syslog_name=x\n",
    );
    assert_eq!(
        host.seen(),
        [
            "/etc/postfix/tls/a.example.key [postfix] /etc/postfix/main.cf:3",
            "/etc/postfix/tls/client.key [postfix] /etc/postfix/main.cf:8",
            "/etc/postfix/tls/ec.pem [postfix] /etc/postfix/main.cf:4",
            "/etc/postfix/tls/rsa.pem [postfix] /etc/postfix/main.cf:4",
            "/etc/postfix/tls/submission.key [postfix] /etc/postfix/master.cf:2",
        ]
    );
    assert_eq!(host.gaps(), ["variable-path: postfix at /etc/postfix/main.cf:9"]);
    let notes: Vec<_> = host.keys().0.into_iter().filter_map(|k| k.note).collect();
    assert_eq!(notes, ["used as a client"]);
}

#[test]
fn dovecot_old_and_new() {
    let host = Host::new();
    host.pair("/etc/dovecot/private/d.key", "/etc/dovecot/private/d.pem");
    host.pair("/etc/dovecot/private/local.key", "/etc/dovecot/private/local.pem")
        .pair("/new.key", "/new.pem");
    host.write("/etc/dovecot/dovecot.conf", "!include conf.d/*.conf\n!include_try local.conf\n");
    host.write(
        "/etc/dovecot/conf.d/10-ssl.conf",
        "ssl = yes\nssl_cert = </etc/dovecot/private/d.pem\nssl_key = </etc/dovecot/private/d.key\n\
         local_name x.example {\n  ssl_cert = <private/local.pem\n  ssl_key = < private/local.key\n}\n",
    );
    host.write(
        "/etc/dovecot/conf.d/20.conf",
        "ssl_server_key_file = /new.key\nssl_server_cert_file = /new.pem\n",
    );
    assert_eq!(
        host.seen(),
        [
            "/etc/dovecot/private/d.key [dovecot] /etc/dovecot/conf.d/10-ssl.conf:3",
            "/etc/dovecot/private/local.key [dovecot] /etc/dovecot/conf.d/10-ssl.conf:6",
            "/new.key [dovecot] /etc/dovecot/conf.d/20.conf:1",
        ]
    );
    assert_eq!(host.gaps(), Vec::<String>::new());
}

#[test]
fn exim_replaces_macros_and_obeys_conditions() {
    let host = Host::new();
    host.pair("/etc/exim4/exim.key", "/etc/exim4/exim.crt").pair("/etc/client.pem", "/tmp/unused");
    let text = "CONFDIR = /etc/exim4\n.ifdef TLS_ON\nTLS_KEY = CONFDIR/exim.key\ntls_certificate = CONFDIR/exim.crt\n\
                tls_privatekey = TLS_KEY\n.else\ntls_privatekey = /not/this\n.endif\n\
                begin transports\nremote:\n  driver = smtp\n  tls_certificate = /etc/client.pem\n";
    host.write("/etc/exim4/exim4.conf", format!("TLS_ON = yes\n{text}"));
    assert_eq!(
        host.seen(),
        [
            "/etc/client.pem [exim] /etc/exim4/exim4.conf:13",
            "/etc/exim4/exim.key [exim] /etc/exim4/exim4.conf:6",
        ]
    );
    assert_eq!(host.keys().0[0].note.as_deref(), Some("used as a client"));
    host.write("/etc/exim4/exim4.conf", text);
    assert_eq!(host.gaps(), ["key-missing: /not/this (configured at /etc/exim4/exim4.conf:7)"]);
    host.write("/etc/exim4/exim4.conf", "tls_privatekey = ${if exists{/a:b}{/a}{/c}}\n");
    assert_eq!(host.gaps(), ["variable-path: exim at /etc/exim4/exim4.conf:1"]);
}

#[test]
fn prosody_finds_keys_by_the_name_of_their_host() {
    let host = Host::new();
    host.pair("/etc/prosody/certs/a.example.key", "/etc/prosody/certs/a.example.crt");
    host.pair("/etc/prosody/certs/b.example/privkey.pem", "/etc/prosody/certs/b.example/fullchain.pem");
    host.pair("/srv/v.key", "/srv/v.crt");
    host.write(
        "/etc/prosody/prosody.cfg.lua",
        "--[[ key = \"/no\" ]]\ncertificates = \"certs\"\nInclude \"conf.d/*.cfg.lua\"\n",
    );
    host.write(
        "/etc/prosody/conf.d/v.cfg.lua",
        "VirtualHost \"v\"\n  ssl = {\n    key = \"/srv/v.key\";\n    certificate = \"/srv/v.crt\";\n  }\n\
         oauth2_registration_key = \"se/cret\"\ns3 = { key = \"sec/ret\" }\nhttps_key = base .. \"/x.key\"\nlegacy_ssl_key = \"/y\" .. base\n",
    );
    assert_eq!(
        host.seen(),
        [
            "/etc/prosody/certs/a.example.key [prosody] /etc/prosody/prosody.cfg.lua:2",
            "/etc/prosody/certs/b.example/privkey.pem [prosody] /etc/prosody/prosody.cfg.lua:2",
            "/srv/v.key [prosody] /etc/prosody/conf.d/v.cfg.lua:3",
        ]
    );
    let expected = "variable-path: prosody at /etc/prosody/conf.d/v.cfg.lua:7 | prosody at /etc/prosody/conf.d/v.cfg.lua:8 | prosody at /etc/prosody/conf.d/v.cfg.lua:9";
    assert_eq!(host.gaps(), [expected]);
}

#[test]
fn clients_of_mysql_are_told_from_its_server() {
    let host = Host::new();
    host.pair("/s.key", "/s.crt").pair("/c.key", "/c.crt");
    host.write("/etc/my.cnf", "!includedir /etc/my.cnf.d\n[client]\nssl-key=/c.key\nssl-cert=/c.crt\n");
    host.write("/etc/my.cnf.d/server.cnf", "[mysqld]\nssl-key=/s.key\nssl-cert=/s.crt\n");
    host.write("/etc/my.cnf.d/ignored.txt", "[mysqld]\nssl-key=/gone.key\n");
    let notes: Vec<_> = host.keys().0.into_iter().map(|k| (k.path, k.note)).collect();
    assert_eq!(
        notes,
        [("/c.key".to_owned(), Some("used as a client".to_owned())), ("/s.key".to_owned(), None)]
    );
    assert_eq!(host.gaps(), Vec::<String>::new());
}
