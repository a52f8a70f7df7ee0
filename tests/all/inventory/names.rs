//! Zone files, SSH configurations and known hosts against the tools that own these formats: BIND compiles a zone, and
//! OpenSSH says where a host is.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use allclear::inventory::{Input, Loaded, Options, load};

use crate::support::{
    Work,
    peers::{missing, named_compilezone, need},
};

fn read(path: &Path) -> Loaded {
    let options = Options { partial: true, ..Options::default() };
    load(&[Input::Path(path.to_owned())], &[], &options).unwrap_or_else(|error| panic!("{error}"))
}

/// Everything but the places.
fn said(loaded: &Loaded) -> BTreeSet<String> {
    let services = loaded.services.iter().map(|s| {
        let addresses: BTreeSet<_> = s.addresses.iter().collect();
        let tags: BTreeSet<_> = s.declared.tags.iter().collect();
        format!("{} {} {} {addresses:?} {:?} {tags:?}", s.display_port(), s.transport, s.wrap, s.sni)
    });
    let secrets = loaded.secrets.iter().map(|s| format!("{} {:?} {:?}", s.id, s.location, s.services));
    services.chain(secrets).collect()
}

const HEAD: &str = "$TTL 1h\n@ IN SOA ns1 hostmaster (\n\t2026112201 ; serial ( of the day\n\t7200 3600 ; refresh )\n\
                    1209600 3600 )\n  NS ns1\nns1 A 192.0.2.53\n";

#[test]
fn a_zone_is_read_as_bind_compiles_it() {
    let compiler = need!(named_compilezone());
    let table = [
        "$GENERATE 1-9/3 node$ A 192.0.2.$\n",
        "$GENERATE 1-3 n${10,4} 1h IN A 192.0.2.${100}\n$GENERATE 10-12 x${0,3,x} A 192.0.2.$\n$GENERATE 10-12 X${0,2,X}y A 192.0.2.$\n",
        "$GENERATE 8-10 o${0,3,o} CNAME ns1\n$GENERATE 16-18 ${0,3,n}.nib CNAME ns1\n$GENERATE 170-171 ${0,5,N}.nib CNAME ns1\n",
        "w A 192.0.2.9\n$GENERATE 1-2 g$ A 192.0.2.$\n  AAAA 2001:db8::9\n",
        "$INCLUDE part.inc sub\n  AAAA 2001:db8::1\nafter A 192.0.2.8\n",
        "$INCLUDE part.inc\nafter A 192.0.2.8\n",
        "t TXT ( \"a;b\" ; note\n \"c ) d\" \"e \\\" f\" )\n\tA 192.0.2.1\n",
        "\\097bc A 192.0.2.1\nUPPER\\065 a 192.0.2.2\n",
        "a 1h30m IN A 192.0.2.1\nb IN 1D A 192.0.2.2\nc A ( 192.0.2.3 )\n   ; a comment\n\n  AAAA 2001:db8::3\n",
        "$ORIGIN deep.example.test.\na A 192.0.2.1\n$ORIGIN er\nb A 192.0.2.2\n$ORIGIN example.test.\nc CNAME b.er.deep\n",
        "@ MX 10 mx\nmx A 192.0.2.25\n_25._tcp.mx TLSA 3 1 1 ( 0123456789abcdef0123456789abcdef\n 0123456789abcdef0123456789ABCDEF )\n",
        "_xmpp-client._tcp SRV 5 0 5222 ns1\n_turns._udp SRV 0 0 5349 ns1\n_sips._tcp SRV 0 0 0 .\n@ CAA 0 issue \"ca.test; policy=ev\"\n",
        "w A 192.0.2.1\nw HTTPS 1 . alpn=\"h2,h3\" port=8443\nx HTTPS 0 w\n_dns.w SVCB 1 w alpn=dot\n",
        "*.wild A 192.0.2.1\nu TYPE65400 \\# 2 abcd\nhost HINFO a b\n",
    ];
    for zone in table {
        let folder = Work::new();
        folder.write(
            "part.inc",
            "  A 192.0.2.4\ninc A 192.0.2.5\n$ORIGIN other.example.test.\nrel A 192.0.2.6\n",
        );
        let source = folder.write("example.test.zone", format!("{HEAD}{zone}"));
        let compiled = folder.path("compiled");
        let made = Command::new(&compiler)
            .args(["-q", "-i", "none", "-k", "ignore", "-o", "compiled", "example.test", "example.test.zone"])
            .current_dir(folder.folder())
            .output()
            .expect("BIND's compiler runs");
        assert!(made.status.success(), "{zone}: {}", String::from_utf8_lossy(&made.stdout));
        let (ours, theirs) = (read(&source), read(&compiled));
        assert_eq!((&ours.bad, &theirs.bad), (&vec![], &vec![]), "{zone}");
        assert_eq!(said(&ours), said(&theirs), "{zone}\n{}", fs::read_to_string(&compiled).expect("a zone"));
        assert!(!ours.services.is_empty(), "{zone}");
    }
}

/// Whether a program of OpenSSH is here.
fn have(program: &str) -> Option<()> {
    // `-V` and an unknown option end it at once, whatever they print.
    let ran = Command::new(program).arg("-?").output();
    if ran.is_err() {
        missing(program);
    }
    ran.ok().map(|_| ())
}

#[test]
fn hosts_are_where_ssh_says() {
    need!(have("ssh"));
    let folder = Work::new();
    fs::create_dir(folder.path("d")).expect("a folder");
    folder.write("d/1.conf", "Host inc\n  HostName 192.0.2.61\nHost web*\n  Port 2201\n");
    folder.write("d/2.conf", "Host inc\n  HostName 192.0.2.62\n  Port 2202\n");
    folder.write("inner", "HostName 192.0.2.63\nHost nested other\nPort 2203\n");
    let d = folder.path("d").display().to_string();
    let inner = folder.path("inner").display().to_string();
    let config = folder.write(
        "config",
        format!(
            "Include {d}/*.conf\nHost bastion\n  HostName bastion.example.test\n  Port 2222\nHost web1 web2\n  HostName %h.example.test\n\
             Host=eq\n  HostName = \"eq.example.test\"\nHost nested\n  Include {inner}\nHost * !bare\n  Port 2299\nHost bare other\n"
        ),
    );
    let loaded = read(&config);
    assert_eq!(loaded.bad, []);
    for alias in ["bastion", "web1", "web2", "eq", "inc", "nested", "bare", "other"] {
        let told =
            Command::new("ssh").arg("-G").arg("-F").arg(&config).arg(alias).output().expect("ssh runs");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let value = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            found.unwrap_or_else(|| panic!("{key}: {text}")).to_owned()
        };
        let ours = loaded.services.iter().find(|s| {
            s.name.as_deref() == Some(alias) || s.declared.tags.contains(&format!("alias={alias}"))
        });
        let ours = ours.unwrap_or_else(|| panic!("{alias}: {:?}", said(&loaded)));
        let target = ours.addresses.first().map_or_else(|| ours.display_name(), ToString::to_string);
        let port = ours.declared.tags.iter().find_map(|tag| tag.strip_prefix("ssh-port=")).unwrap_or("22");
        assert_eq!((target, port.to_owned()), (value("hostname"), value("port")), "{alias}");
    }
}

#[test]
fn hashed_known_hosts_are_counted() {
    need!(have("ssh-keygen"));
    let folder = Work::new();
    let key = folder.path("key");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", ""]).arg("-f").arg(&key).status();
    assert!(made.is_ok_and(|status| status.success()));
    let public = fs::read_to_string(folder.path("key.pub")).expect("a key");
    let names = ["a.example.test", "b.example.test,192.0.2.1", "[c.example.test]:2222"];
    let text: String = names.iter().map(|name| format!("{name} {public}")).collect();
    let plain = folder.write("known_hosts", text);
    assert_eq!(read(&plain).services.len(), 3);
    let hashed = Command::new("ssh-keygen").arg("-H").arg("-f").arg(&plain).output();
    assert!(hashed.is_ok_and(|output| output.status.success()));
    let told = read(&plain);
    let notices: Vec<String> = told.notices.iter().map(ToString::to_string).collect();
    assert!(told.services.is_empty() && told.bad.is_empty(), "{told:?}");
    let expected = "4 of 4 hosts left out: they are hashed and cannot be read back";
    assert!(notices.iter().any(|notice| notice.contains(expected)), "{notices:?}");
}
