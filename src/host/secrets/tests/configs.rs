//! Configurations of our own, one test a service or a rule: which key is named where, and what is a gap.

use super::Host;

#[test]
fn nginx_follows_includes_and_knows_what_is_shown_to_servers_behind_it() {
    let host = Host::new();
    host.pair("/etc/nginx/tls/a.key", "/etc/nginx/tls/a.crt").pair("/srv/b key.pem", "/srv/b.pem");
    host.pair("/etc/nginx/back.key", "/etc/nginx/back.crt");
    host.write(
        "/etc/nginx/nginx.conf",
        "user www; # ssl_certificate_key /not/this;\nhttp {\n  include sites/*.conf;\n  include nginx.conf;\n}\n",
    );
    host.write(
        "/etc/nginx/sites/a.conf",
        "server {\n listen 443 ssl;\n ssl_certificate\n   tls/a.crt;\n ssl_certificate_key tls/a.key;\n}\n\
         server { ssl_certificate_key \"/srv/b key.pem\"; ssl_certificate '/srv/b.pem'; }\n\
         server {\n ssl_certificate_key /etc/ssl/$ssl_server_name.key;\n ssl_certificate_key data:$key;\n\
         ssl_certificate_key engine:pkcs11:key;\n proxy_ssl_certificate_key ${missing}x;\n}\n",
    );
    host.write("/etc/nginx/sites/b.conf", "location / { proxy_ssl_certificate_key back.key; }");
    assert_eq!(
        host.seen(),
        [
            "/etc/nginx/back.key [nginx] /etc/nginx/sites/b.conf:1",
            "/etc/nginx/tls/a.key [nginx] /etc/nginx/sites/a.conf:5",
            "/srv/b key.pem [nginx] /etc/nginx/sites/a.conf:7",
        ]
    );
    assert_eq!(
        host.gaps(),
        [
            "key-elsewhere: nginx at /etc/nginx/sites/a.conf:11",
            "key-inline: nginx at /etc/nginx/sites/a.conf:10",
            "variable-path: nginx at /etc/nginx/sites/a.conf:12 | nginx at /etc/nginx/sites/a.conf:9",
        ]
    );
    let keys = host.keys().0;
    assert_eq!(keys[0].note.as_deref(), Some("used as a client"));
    assert_eq!(keys[1].note, None, "the certificate beside it is its own");
    assert!(keys[1].spki_sha256.is_some() && keys[1].spki_from.is_none());
}

#[test]
fn a_certificate_of_another_key_beside_it_is_said() {
    let host = Host::new();
    host.pair("/a.key", "/a.crt").pair("/b.key", "/b.crt");
    host.write("/etc/nginx/nginx.conf", "ssl_certificate /b.crt; ssl_certificate_key /a.key;");
    assert_eq!(host.keys().0[0].note.as_deref(), Some("the certificate beside it has another key"));
}

#[test]
fn apache_knows_server_root_defines_globs_and_continued_lines() {
    let host = Host::new();
    host.pair("/etc/apache2/tls/a.key", "/etc/apache2/tls/a.crt").pair("/srv/both.pem", "/srv/none");
    let both = std::fs::read_to_string(host.path("/srv/both.pem")).unwrap() + &super::pair().1;
    host.write("/srv/both.pem", both).write("/etc/apache2/envvars", "export APACHE_TLS=tls\n");
    host.write(
        "/etc/apache2/apache2.conf",
        "ServerRoot \"/etc/apache2\"\nDefine SRV /srv\nIncludeOptional sites/*.conf\nInclude gone.conf\n# SSLCertificateKeyFile /no\n",
    );
    host.write(
        "/etc/apache2/sites/1.conf",
        "<VirtualHost *:443>\n sslcertificatefile ${APACHE_TLS}/a.crt\n SSLCertificateKeyFile \\\n   \"${APACHE_TLS}/a.key\"\n</VirtualHost>\n\
         <VirtualHost *:444>\nSSLCertificateFile ${SRV}/both.pem\n</VirtualHost>\nSSLCertificateKeyFile ${UNKNOWN}/x\n",
    );
    assert_eq!(
        host.seen(),
        [
            "/etc/apache2/tls/a.key [apache] /etc/apache2/sites/1.conf:3",
            "/srv/both.pem [apache] /etc/apache2/sites/1.conf:7",
        ]
    );
    assert_eq!(
        host.gaps(),
        [
            "include-missing: /etc/apache2/gone.conf (included from /etc/apache2/apache2.conf)",
            "variable-path: apache at /etc/apache2/sites/1.conf:9",
        ]
    );
}

#[test]
fn haproxy_knows_folders_lists_bases_and_keys_beside_certificates() {
    let host = Host::new();
    for name in ["a.pem", "folder/b.pem", "list/c.pem", "client.pem", "store.key"] {
        host.pair(&format!("/etc/ssl/h/{name}"), "/tmp/unused");
    }
    host.pair("/etc/ssl/h/d.pem.key", "/etc/ssl/h/d.pem").write("/etc/ssl/h/folder/b.pem.ocsp", "x");
    host.write("/etc/haproxy/list.txt", "# comment\nlist/c.pem [alpn h2] *.example !x.example\n");
    host.write(
        "/etc/haproxy/haproxy.cfg",
        "global\n  crt-base /etc/ssl/h\nfrontend f\n  bind :443 ssl crt a.pem crt folder alpn h2\n\
         \x20 bind :444 ssl crt-list /etc/haproxy/list.txt # crt no.pem\n  bind :445 ssl crt d.pem\n\
         crt-store\n  load crt \"x.pem\" key \"store.key\"\nbackend b\n  server s 10.0.0.1:443 ssl crt client.pem\n",
    );
    assert_eq!(
        host.seen(),
        [
            "/etc/ssl/h/a.pem [haproxy] /etc/haproxy/haproxy.cfg:4",
            "/etc/ssl/h/client.pem [haproxy] /etc/haproxy/haproxy.cfg:10",
            "/etc/ssl/h/d.pem.key [haproxy] /etc/haproxy/haproxy.cfg:6",
            "/etc/ssl/h/folder/b.pem [haproxy] /etc/haproxy/haproxy.cfg:4",
            "/etc/ssl/h/list/c.pem [haproxy] /etc/haproxy/list.txt:2",
            "/etc/ssl/h/store.key [haproxy] /etc/haproxy/haproxy.cfg:8",
        ]
    );
    assert_eq!(host.gaps(), Vec::<String>::new());
}

/// Each service whose configuration is lines: the file, its text with `KEY`, and the line that names it.
#[test]
fn every_service_of_lines_names_its_key() {
    let table: &[(&str, &str, &str, usize)] = &[
        ("stunnel", "/etc/stunnel/s.conf", "; key = /no\n[https]\ncert = /c\nkey = KEY\n", 4),
        (
            "lighttpd",
            "/etc/lighttpd/lighttpd.conf",
            "$SERVER[\"socket\"] == \":443\" {\n ssl.privkey = \"KEY\"\n}\n",
            2,
        ),
        ("vsftpd", "/etc/vsftpd.conf", "#rsa_private_key_file=/no\nrsa_private_key_file=KEY\n", 2),
        (
            "proftpd",
            "/etc/proftpd/proftpd.conf",
            "<IfModule mod_tls.c>\nTLSRSACertificateKeyFile KEY\n</IfModule>\n",
            2,
        ),
        ("openldap", "/etc/ldap/slapd.conf", "TLSCertificateKeyFile\tKEY\n", 1),
        ("openldap", "/etc/ldap/slapd.d/cn=config.ldif", "dn: cn=config\nolcTLSCertificateKeyFile: KEY\n", 2),
        ("coturn", "/etc/turnserver.conf", "pkey-pwd=secret\npkey=KEY\n", 2),
        (
            "postgresql",
            "/etc/postgresql/15/main/postgresql.conf",
            "ssl = on # yes\nssl_key_file = 'KEY' # key\n",
            2,
        ),
        ("mysql", "/etc/my.cnf", "[mysqld]\nssl_key=KEY\n", 2),
        ("redis", "/etc/redis/redis.conf", "# tls-key-file /no\ntls-key-file KEY\n", 2),
        ("mongodb", "/etc/mongod.conf", "net:\n  tls:\n    certificateKeyFile: KEY\n", 3),
        ("rabbitmq", "/etc/rabbitmq/rabbitmq.conf", "ssl_options.keyfile = KEY\n", 1),
        (
            "rabbitmq",
            "/etc/rabbitmq/advanced.config",
            "[{ssl, [{certfile, \"/c\"}, {keyfile,\"KEY\"}]}]. % x\n",
            1,
        ),
        ("openvpn", "/etc/openvpn/server/s.conf", "# a\nkey KEY\ntls-auth ta.key 0\n", 2),
        ("mosquitto", "/etc/mosquitto/mosquitto.conf", "listener 8883\nkeyfile KEY\n", 2),
        ("asterisk", "/etc/asterisk/http.conf", "[general]\ntlsprivatekey=KEY ; x\n", 2),
        ("asterisk", "/etc/asterisk/pjsip.conf", "[t]\npriv_key_file => KEY\n", 2),
        ("inn2", "/etc/news/inn.conf", "tlskeyfile:  KEY\n", 1),
        (
            "hitch",
            "/etc/hitch/hitch.conf",
            "frontend = {\n host = \"*\"\n}\npem-file = {\n  private-key = \"KEY\"\n}\n",
            5,
        ),
        ("hitch", "/etc/hitch/hitch.conf", "pem-file = \"KEY\"\n", 1),
        ("squid", "/etc/squid/squid.conf", "http_port 3128\nhttps_port 443 tls-cert=/c tls-key=KEY\n", 2),
        ("squid", "/etc/squid/squid.conf", "http_port 3128 ssl-bump cert=KEY generate=on\n", 1),
        ("ejabberd", "/etc/ejabberd/ejabberd.yml", "hosts:\n  - a\ncertfiles:\n  # - /no\n  - \"KEY\"\n", 5),
        ("pure-ftpd", "/etc/pure-ftpd/conf/CertFile", "KEY\n", 1),
        ("sshd", "/etc/ssh/sshd_config", "Port 22\nHostKey KEY\n", 2),
        (
            "inspircd",
            "/etc/inspircd/inspircd.conf",
            "# <sslprofile keyfile=\"/no\">\n<sslprofile name=\"x\" # a <tag>\n  keyfile=\"KEY\">\n",
            2,
        ),
        (
            "tomcat",
            "/opt/tomcat9/conf/server.xml",
            "<!-- <Connector keystoreFile=\"/no\"/> -->\n<Certificate certificateKeyFile='KEY'\n certificateFile=\"c\"/>\n",
            2,
        ),
        ("caddy", "/etc/caddy/Caddyfile", "example.com {\n  tls /c KEY\n}\n", 2),
        ("strongswan", "/etc/ipsec.secrets", "# : RSA /no\n: RSA KEY \"pass phrase\"\n: PSK \"secret\"\n", 2),
        (
            "prosody",
            "/etc/prosody/prosody.cfg.lua",
            "-- key = \"/no\"\nssl = { key = \"KEY\"; certificate = \"/c\" }\n",
            2,
        ),
        ("exim", "/etc/exim4/exim4.conf", "tls_certificate = /c\ntls_privatekey = KEY\n", 2),
        ("sendmail", "/etc/mail/sendmail.cf", "O ServerKeyFile=KEY\n", 1),
        ("docker", "/etc/docker/daemon.json", "{\n  \"tlskey\": \"KEY\",\n  \"tls\": true\n}\n", 2),
        ("unbound", "/etc/unbound/unbound.conf", "server:\n  tls-service-key: \"KEY\"\n", 2),
        ("zabbix", "/etc/zabbix/zabbix_server.conf", "TLSKeyFile=KEY\n", 1),
        ("elasticsearch", "/etc/elasticsearch/elasticsearch.yml", "xpack.security.http.ssl.key: KEY\n", 1),
    ];
    for (service, file, text, line) in table {
        let host = Host::new();
        host.pair("/srv/it.key", "/srv/it.crt").write(file, text.replace("KEY", "/srv/it.key"));
        assert_eq!(host.seen(), [format!("/srv/it.key [{service}] {file}:{line}")], "{file}: {text}");
        assert!(host.keys().0[0].spki_sha256.is_some());
    }
}

#[test]
fn relative_names_follow_each_services_own_rule() {
    let host = Host::new();
    for key in [
        "/etc/nginx/n.key",
        "/var/lib/pg/server.key",
        "/data/my/m.pem",
        "/etc/openvpn/vpn.key",
        "/etc/apache2/a.key",
        "/var/lib/tomcat9/conf/t.jks",
        "/etc/freeradius/3.0/certs/r.key",
        "/etc/ipsec.d/private/i.pem",
    ] {
        host.pair(key, "/tmp/unused");
    }
    host.write("/etc/nginx/nginx.conf", "ssl_certificate_key n.key;");
    host.write("/etc/postgresql/15/main/postgresql.conf", "data_directory = '/var/lib/pg'\nssl = on\n");
    host.write("/etc/mysql/my.cnf", "[mysqld]\ndatadir = /data/my\nssl-key = m.pem\n");
    host.write("/etc/openvpn/server.conf", "key vpn.key\n");
    host.write("/etc/apache2/apache2.conf", "SSLCertificateKeyFile a.key\n");
    host.write("/etc/tomcat9/server.xml", "<C keystoreFile=\"${catalina.base}/conf/t.jks\"/>");
    host.write(
        "/etc/freeradius/3.0/radiusd.conf",
        "raddbdir = /etc/freeradius/3.0\nconfdir = ${raddbdir}\ncertdir = ${confdir}/certs\n$INCLUDE mods/\n",
    );
    host.write("/etc/freeradius/3.0/mods/eap", "eap {\n private_key_file = ${certdir}/r.key\n}\n");
    host.write("/etc/ipsec.secrets", ": RSA i.pem\n");
    let paths: Vec<String> = host.keys().0.into_iter().map(|k| k.path).collect();
    assert_eq!(
        paths,
        [
            "/data/my/m.pem",
            "/etc/apache2/a.key",
            "/etc/freeradius/3.0/certs/r.key",
            "/etc/ipsec.d/private/i.pem",
            "/etc/nginx/n.key",
            "/etc/openvpn/vpn.key",
            "/var/lib/pg/server.key",
            "/var/lib/tomcat9/conf/t.jks",
        ]
    );
    assert_eq!(host.gaps(), Vec::<String>::new());
}

#[test]
fn a_key_inside_a_configuration_is_found_there_and_not_shown() {
    let host = Host::new();
    let (key, certificate) = super::pair();
    let text = format!("client\n<cert>\n{certificate}</cert>\n<key>\n{key}</key>\n");
    host.write("/etc/openvpn/client/x.conf", &text);
    let (keys, coverage) = host.keys();
    assert_eq!((keys.len(), keys[0].path.as_str()), (1, "/etc/openvpn/client/x.conf"));
    assert!(keys[0].spki_sha256.is_some());
    assert!(coverage.complete);
    // Where a path should stand, the text is not repeated.
    let body = key.lines().nth(1).unwrap();
    host.write("/etc/dovecot/dovecot.conf", format!("ssl_key = {key}"));
    host.write("/etc/vsftpd.conf", format!("rsa_private_key_file={}\n", key.replace('\n', "")));
    host.write("/etc/redis/redis.conf", format!("tls-key-file {body}{body}\n"));
    let shown = format!("{:?}", host.keys());
    assert!(!shown.contains(&body[..16]), "{shown}");
    assert!(host.gaps()[0].starts_with("key-inline: "), "{:?}", host.gaps());
}

#[test]
fn every_service_reads_the_files_that_it_includes() {
    let table = [
        ("/etc/ldap/slapd.conf", "include /x.inc\n", "TLSCertificateKeyFile /k\n"),
        ("/etc/redis/redis.conf", "include /*.inc\n", "tls-key-file /k\n"),
        ("/etc/lighttpd/lighttpd.conf", "include \"/*.inc\"\n", "ssl.pemfile = \"/k\"\n"),
        ("/etc/proftpd/proftpd.conf", "Include /x.inc\n", "TLSECCertificateKeyFile /k\n"),
        ("/etc/squid/squid.conf", "include /x.inc\n", "https_port 1 key=/k cert=/c\n"),
        ("/etc/inspircd/inspircd.conf", "<include file=\"/x.inc\">\n", "<openssl keyfile=\"/k\">"),
        ("/etc/asterisk/sip.conf", "#include \"/x.inc\"\n", "dtlsprivatekey=/k\n"),
        ("/etc/exim.conf", ".include /x.inc\n", "tls_privatekey = /k\n"),
        ("/etc/prosody/prosody.cfg.lua", "Include \"/*.inc\"\n", "ssl = { key = \"/k.pem\" }"),
        ("/etc/caddy/Caddyfile", "import /*.inc\n", "tls /c /k\n"),
        ("/etc/ssh/sshd_config", "Include /*.inc\n", "HostKey /k\n"),
        ("/etc/postgresql/15/main/postgresql.conf", "include_dir '/inc'\n", "ssl_key_file = '/k'\n"),
        ("/etc/ipsec.secrets", "include /*.inc\n", ": ECDSA /k\n"),
        ("/etc/stunnel/stunnel.conf", "include = /inc\n", "key = /k\n"),
        ("/etc/mosquitto/mosquitto.conf", "include_dir /inc\n", "keyfile /k\n"),
    ];
    for (main, include, text) in table {
        let host = Host::new();
        host.pair("/k", "/unused").pair("/k.pem", "/unused").write(main, include);
        host.write("/x.inc", text).write("/inc/x.conf", text);
        let seen = host.seen();
        assert_eq!(seen.len(), 1, "{main}: {seen:?} {:?}", host.gaps());
        assert!(seen[0].contains("/x.inc:1") || seen[0].contains("/inc/x.conf:1"), "{main}: {seen:?}");
    }
}
