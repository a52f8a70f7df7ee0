//! Texts as the tools print them, and from the tools themselves where they are installed.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, Write as _},
    process::{Command, Stdio},
};

use proptest::prelude::*;

use super::{detect, fuzz, read};
use crate::model::{
    host::{Document, Ecosystem, Origin, Part, Replaced, RunnerKind, TlsLibrary},
    time::Timestamp,
};

fn at() -> Timestamp {
    Timestamp::from_seconds(1_790_000_000)
}

/// Detects, reads, and demands that every line could be read.
#[track_caller]
fn whole(text: &str, origin: Origin) -> Document {
    assert_eq!(detect(text.as_bytes()), Some(origin), "{text}");
    let document = read(origin, text.as_bytes(), "web01", at());
    assert_eq!(unread(&document), 0, "{:#?}", document.header.coverage.gaps);
    document
}

fn unread(document: &Document) -> u64 {
    let gaps = &document.header.coverage.gaps;
    gaps.iter().filter(|g| g.what == "unreadable-line").map(|g| g.count).sum()
}

fn shown(document: &Document) -> Vec<String> {
    let show = |p: &crate::model::host::Package| {
        let mark = if p.openssl { "*" } else { "" };
        format!("{} {} [{}] <{}>{mark}", p.name, p.version, p.arch, p.source)
    };
    document.packages.iter().map(show).collect()
}

#[test]
fn a_list_of_packages_tells_its_release_where_a_package_does() {
    for (lines, expected) in [
        ("base-files\t12ubuntu4.7\nlibssl3\t3.0.2-0ubuntu1.29\n", "ubuntu 22.04"),
        ("base-files\t13ubuntu10.3\n", "ubuntu 24.04"),
        // 23.10 had a base-files of 13 as well.
        ("base-files\t13ubuntu2\n", "none"),
        ("base-files\t99ubuntu1\nubuntu-release-upgrader-core\t1:26.04.12\n", "ubuntu 26.04"),
        ("base-files\t12.4+deb12u10\n", "debian 12"),
        ("base-files\t11.1\n", "debian 11"),
        // Somebody else's.
        ("base-files\t12.4kali1\n", "none"),
        ("libssl3\t3.0.11-1~deb12u2\n", "none"),
    ] {
        let document = read(Origin::DpkgQuery, lines.as_bytes(), "web01", at());
        let told = document.header.os.map_or("none".to_owned(), |os| format!("{} {}", os.id, os.version));
        assert_eq!(told, expected, "{lines}");
    }
}

#[test]
fn dpkg_lists_in_every_form_give_the_same_packages() {
    let bare = "libssl3:amd64\t3.0.17-1~deb12u2\nlibssl1.1\t1.1.1n-0+deb11u4\nbash\t5.2.15-2+b2\nopenssl\t1:3.0.17-1~deb12u2\nlibssl-doc\t3.0.17-1~deb12u2\n";
    let document = whole(bare, Origin::DpkgQuery);
    assert_eq!(
        shown(&document),
        [
            "bash 5.2.15-2+b2 [] <bash>",
            "libssl-doc 3.0.17-1~deb12u2 [] <libssl-doc>",
            "libssl1.1 1.1.1n-0+deb11u4 [] <openssl>*",
            "libssl3 3.0.17-1~deb12u2 [amd64] <openssl>*",
            "openssl 1:3.0.17-1~deb12u2 [] <openssl>*",
        ]
    );
    assert_eq!(document.packages[4].epoch, Some(1));
    assert_eq!((document.header.host.as_str(), document.header.at), ("web01", at()));
    assert_eq!(document.footer.unwrap().counts["package"], 5);
    let wide = "libssl3 3.0.17-1 amd64 openssl\r\nlibevent-openssl-2.1-7 2.1.12-8 amd64 libevent\r\n";
    let expected =
        ["libevent-openssl-2.1-7 2.1.12-8 [amd64] <libevent>", "libssl3 3.0.17-1 [amd64] <openssl>*"];
    assert_eq!(shown(&whole(wide, Origin::DpkgQuery)), expected);
    let table = "Desired=Unknown/Install/Remove/Purge/Hold\n| Status=Not/Inst/Conf-files/Unpacked/halF-conf/Half-inst/trig-aWait/Trig-pend\n|/ Err?=(none)/Reinst-required (Status,Err: uppercase=bad)\n||/ Name           Version          Architecture Description\n+++-==============-================-============-=================================\nii  libssl3:amd64  3.0.17-1~deb12u2 amd64        Secure Sockets Layer toolkit - shared libraries\nrc  libssl1.1      1.1.1n-0         amd64        Secure Sockets Layer toolkit\nhi  bash           5.2.15-2+b2      amd64        GNU Bourne Again SHell\n";
    let expected = ["bash 5.2.15-2+b2 [amd64] <bash>", "libssl3 3.0.17-1~deb12u2 [amd64] <openssl>*"];
    assert_eq!(shown(&whole(table, Origin::DpkgQuery)), expected);
}

#[test]
fn rpm_lists_in_every_form_give_the_same_packages() {
    let expected = [
        "bash 5.1.8-6.el9 [x86_64] <bash>",
        "compat-openssl11 1:1.1.1k-4.el9 [x86_64] <compat-openssl11>*",
        "openssl-libs 1:3.0.7-27.el9 [x86_64] <openssl>*",
        "tzdata 2024a-1.el9 [noarch] <tzdata>",
    ];
    for text in [
        "bash-5.1.8-6.el9.x86_64\ngpg-pubkey-fd431d51-4ae0493b\nopenssl-libs-1:3.0.7-27.el9.x86_64\ncompat-openssl11-1:1.1.1k-4.el9.x86_64\ntzdata-2024a-1.el9.noarch\n",
        "bash 0:5.1.8-6.el9.x86_64 bash-5.1.8-6.el9.src.rpm\nopenssl-libs 1:3.0.7-27.el9.x86_64 openssl-3.0.7-27.el9.src.rpm\ncompat-openssl11 1:1.1.1k-4.el9.x86_64 compat-openssl11-1.1.1k-4.el9.src.rpm\ntzdata 0:2024a-1.el9.noarch tzdata-2024a-1.el9.src.rpm\ngpg-pubkey 0:fd431d51-4ae0493b.(none) (none)\n",
        "bash\t(none)\t5.1.8-6.el9\tx86_64\tbash-5.1.8-6.el9.src.rpm\nopenssl-libs\t1\t3.0.7-27.el9\tx86_64\topenssl-3.0.7-27.el9.src.rpm\ncompat-openssl11\t1\t1.1.1k-4.el9\tx86_64\tcompat-openssl11-1.1.1k-4.el9.src.rpm\ntzdata\t(none)\t2024a-1.el9\tnoarch\ttzdata-2024a-1.el9.src.rpm\n",
        "bash (none):5.1.8-6.el9.x86_64\nopenssl-libs 1:3.0.7-27.el9.x86_64\ncompat-openssl11 1:1.1.1k-4.el9.x86_64\ntzdata (none):2024a-1.el9.noarch\n",
        "0:bash-5.1.8-6.el9.x86_64\n1:openssl-libs-3.0.7-27.el9.x86_64\n1:compat-openssl11-1.1.1k-4.el9.x86_64\n0:tzdata-2024a-1.el9.noarch\n",
    ] {
        assert_eq!(shown(&whole(text, Origin::RpmQa)), expected, "{text}");
    }
    let last = "openssl-libs-3.0.7-27.el9.x86_64              Tue 05 Mar 2024 10:00:00 AM UTC\nlibopenssl1_1-1.1.1l-150500.1.x86_64 Mon 04 Mar 2024 10:00:00 AM UTC\n";
    let expected = [
        "libopenssl1_1 1.1.1l-150500.1 [x86_64] <openssl>*",
        "openssl-libs 3.0.7-27.el9 [x86_64] <openssl>*",
    ];
    assert_eq!(shown(&whole(last, Origin::RpmQa)), expected);
    assert_eq!(
        shown(&whole("bash-3.2-33.el5\nopenssl-0.9.8e-40.el5\n", Origin::RpmQa))[1],
        "openssl 0.9.8e-40.el5 [] <openssl>*"
    );
}

#[test]
fn apk_lists_in_both_forms_give_the_same_packages() {
    let list = "libcrypto3-3.1.4-r5 x86_64 {openssl} (Apache-2.0) [installed]\nlibssl3-3.1.4-r5 x86_64 {openssl} (Apache-2.0) [upgradable from: libssl3-3.1.4-r4]\nmusl-1.2.4_git20230717-r4 x86_64 {musl} (MIT) [installed]\n";
    let info = "libcrypto3-3.1.4-r5\nlibssl3-3.1.4-r5 - SSL shared libraries\nmusl-1.2.4_git20230717-r4\n";
    let with = |arch: &str| {
        [
            format!("libcrypto3 3.1.4-r5 [{arch}] <openssl>*"),
            format!("libssl3 3.1.4-r5 [{arch}] <openssl>*"),
            format!("musl 1.2.4_git20230717-r4 [{arch}] <musl>"),
        ]
    };
    assert_eq!(shown(&whole(list, Origin::ApkList)), with("x86_64"));
    let document = whole(info, Origin::ApkList);
    assert_eq!(shown(&document), with(""));
    assert_eq!(document.packages[0].ecosystem, Ecosystem::Apk);
}

#[test]
fn needrestart_names_what_is_to_be_restarted() {
    let text = "NEEDRESTART-VER: 3.6\nNEEDRESTART-KCUR: 6.1.0-18-amd64\nNEEDRESTART-KEXP: 6.1.0-20-amd64\nNEEDRESTART-KSTA: 3\nNEEDRESTART-SVC: nginx.service\nNEEDRESTART-SVC: dbus.service\nNEEDRESTART-CONT: LXC web1\nNEEDRESTART-SESS: metabase @ user manager service\nNEEDRESTART-SESS: root @ session #28017\nNEEDRESTART-PID: bash=12,345\n";
    let document = whole(text, Origin::Needrestart);
    assert_eq!(document.header.tool, "needrestart 3.6");
    assert_eq!(document.header.kernel.as_deref(), Some("6.1.0-18-amd64"));
    let found: Vec<_> = document
        .processes
        .iter()
        .map(|p| {
            let runner = p.runner.as_ref().unwrap();
            assert!(!p.readable && p.libraries.is_empty(), "which library it runs was not said");
            (p.pid, runner.kind, runner.name.as_str(), runner.caution)
        })
        .collect();
    let expected = [
        (12, RunnerKind::Process, "bash", false),
        (345, RunnerKind::Process, "bash", false),
        (0, RunnerKind::Unit, "dbus.service", true),
        (0, RunnerKind::Unit, "nginx.service", false),
        (0, RunnerKind::Session, "root", false),
        (0, RunnerKind::Session, "metabase", false),
        (0, RunnerKind::Container, "web1", false),
    ];
    assert_eq!(found, expected);
    let gap = document.header.coverage.gaps.iter().find(|g| g.what == "library-not-said").unwrap();
    assert_eq!((gap.part, gap.count), (Part::Processes, 7));
}

const TABLE: &str = "\
COMMAND     PID  TID TASKCMD   USER   FD      TYPE DEVICE SIZE/OFF     NODE NAME
nginx      4242                root  txt       REG  254,0  1234567  9773001 /usr/sbin/nginx (deleted)
nginx      4242                root  DEL       REG  254,0           9773057 /usr/lib/x86_64-linux-gnu/libssl.so.3
nginx      4242                root  mem       REG  254,0  4709208  9773058 /usr/lib/x86_64-linux-gnu/libcrypto.so.3
nginx      4242 4243 nginx     root  DEL       REG  254,0           9773057 /usr/lib/x86_64-linux-gnu/libssl.so.3
nginx      4242                root    6u     IPv4  12345      0t0      TCP *:443 (LISTEN)
postgres    900                 pg   mem       REG  254,0  4709208  9773058 /opt/my app/libcrypto-ea28cefb.so.1.1 (path inode=12)
less        901                root    4r      REG  254,0     5000  9773057 /tmp/libssl.so.3 (deleted)
";

#[test]
fn lsof_tables_and_fields_agree() {
    let fields = "p4242\ng1\nR1\ncnginx\nu0\nLroot\nftxt\na \nl \ntREG\nD0xfe00\ns1234567\ni9773001\nn/usr/sbin/nginx (deleted)\nfDEL\ntREG\ni9773057\nn/usr/lib/x86_64-linux-gnu/libssl.so.3\nfmem\ntREG\nn/usr/lib/x86_64-linux-gnu/libcrypto.so.3\nf6\nau\ntIPv4\nPTCP\nn*:443\nTST=LISTEN\np900\ncpostgres\nLpg\nfmem\nn/opt/my app/libcrypto-ea28cefb.so.1.1 (path inode=12)\np901\ncless\nLroot\nf4\nar\nn/tmp/libssl.so.3 (deleted)\n";
    let zero = fields.replace('\n', "\0").replace("\0p", "\0\np").replace("\0f", "\0\nf") + "\n";
    let table = whole(TABLE, Origin::Lsof);
    for text in [fields, zero.as_str()] {
        let document = whole(text, Origin::Lsof);
        assert_eq!(
            (&document.processes, &document.libraries),
            (&table.processes, &table.libraries),
            "{text:?}"
        );
    }
    let nginx = table.processes.iter().find(|p| p.pid == 4242).unwrap();
    assert!(nginx.exe_deleted && nginx.name == "nginx" && nginx.user.as_deref() == Some("root"));
    assert_eq!(nginx.libraries.len(), 2);
    assert_eq!(table.processes.len(), 2, "a file that is open and not mapped does not run");
    let found: Vec<_> = table
        .libraries
        .iter()
        .map(|l| (l.path.as_str(), l.lib, l.deleted, l.replaced, l.processes.as_slice()))
        .collect();
    let expected: [(_, _, _, _, &[u32]); 3] = [
        ("/opt/my app/libcrypto-ea28cefb.so.1.1", TlsLibrary::Unknown, true, Some(Replaced::Renamed), &[900]),
        ("/usr/lib/x86_64-linux-gnu/libcrypto.so.3", TlsLibrary::Openssl, false, None, &[4242]),
        ("/usr/lib/x86_64-linux-gnu/libssl.so.3", TlsLibrary::Openssl, true, None, &[4242]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_nothing_of_these_is_not_taken_for_one() {
    for text in [
        "",
        "\n\n",
        "hello world\n",
        "{\"schema\":\"other/1\"}\n",
        "name,version\nopenssl,3.0\n",
        "\u{0}\u{1}\u{2}",
        "root:x:0:0:root:/root:/bin/bash\n",
        "the quick brown fox\njumps over 13 lazy dogs\n",
    ] {
        assert_eq!(detect(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(detect(b"{\"schema\":\"allclear.host/1\",\"record\":\"header\"}\n"), Some(Origin::Document));
    assert_eq!(detect(b"\n{\"record\":\"header\",\"schema\":\"allclear.host/1\"}"), Some(Origin::Document));
    assert_eq!(detect(b"{\"schema\":\"allclear.host/1\",\"rec"), Some(Origin::Document));
}

#[test]
fn an_unreadable_line_is_a_gap_and_costs_nothing_else() {
    let mut text = b"bash\t5.2\nthis is no package\n\xff\xfe\nopenssl\t3.0.1-1\n".to_vec();
    text.extend(vec![b'x'; 1 << 20]);
    assert_eq!(detect(b"bash\t5.2\ncoreutils\t9.1-1\nthis is no package\n"), Some(Origin::DpkgQuery));
    let document = read(Origin::DpkgQuery, &text, "h", at());
    assert_eq!(shown(&document), ["bash 5.2 [] <bash>", "openssl 3.0.1-1 [] <openssl>*"]);
    let gap = document.header.coverage.gaps.iter().find(|g| g.what == "unreadable-line").unwrap();
    assert_eq!((gap.part, gap.count), (Part::Document, 3));
    assert_eq!(gap.examples, ["line 2", "line 3", "line 5"]);
    assert!(!document.header.coverage.complete);
}

/// The output of a tool on this machine; none where it is not installed.
fn tool(command: &str) -> Option<Vec<u8>> {
    let said = Command::new("sh").args(["-c", &format!("PATH=$PATH:/usr/sbin; {command}")]).output().unwrap();
    if said.stdout.is_empty() {
        let _ = writeln!(std::io::stderr(), "skipped: `{command}` gives nothing here");
        return None;
    }
    Some(said.stdout)
}

#[test]
fn this_machines_packages_are_read_whole() {
    let mut seen: Vec<BTreeSet<(String, String)>> = Vec::new();
    for command in [
        "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\t${Version}\\n' | sed -n 's/^i[iFUWt] *//p'",
        "dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version} ${Architecture} ${source:Package}\\n' | sed -n 's/^i[iFUWt] *//p'",
        "COLUMNS=300 dpkg -l | grep -v '^rc'",
    ] {
        let Some(text) = tool(command) else { continue };
        let document = whole(std::str::from_utf8(&text).unwrap(), Origin::DpkgQuery);
        seen.push(document.packages.into_iter().map(|p| (p.name, p.version)).collect());
    }
    assert!(seen.iter().all(|packages| packages.len() > 50 && *packages == seen[0]));
}

#[test]
fn this_machines_lsof_and_needrestart_are_read_whole() {
    if let Some(text) = tool("needrestart -b 2>/dev/null") {
        whole(std::str::from_utf8(&text).unwrap(), Origin::Needrestart);
    }
    if tool("command -v lsof && command -v python3").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libssl.so.3");
    fs::write(&path, [0; 5000]).unwrap();
    let python = "import mmap,sys,time\nf=open(sys.argv[1],'rb')\nm=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)\nf.close()\nprint('ready',flush=True)\ntime.sleep(600)";
    let mut child =
        Command::new("python3").args(["-c", python]).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    fs::remove_file(&path).unwrap();
    for command in ["lsof -n 2>/dev/null", "lsof -n -F 2>/dev/null", "lsof -n -F0 2>/dev/null"] {
        let Some(text) = tool(command) else { continue };
        let text = String::from_utf8_lossy(&text);
        let document = whole(&text, Origin::Lsof);
        let library = document.libraries.iter().find(|l| l.path == path.display().to_string());
        let library = library.unwrap_or_else(|| panic!("{command}: {:#?}", document.libraries));
        assert!(library.deleted && library.processes == [child.id()], "{command}: {library:#?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

proptest! {
    #[test]
    fn hostile_bytes_do_no_harm(data in proptest::collection::vec(any::<u8>(), 0..2000)) {
        fuzz(&data);
    }

    #[test]
    fn hostile_words_do_no_harm(first in any::<u8>(), words in proptest::collection::vec("(NEEDRESTART-(SVC|PID|SESS|CONT): ?|ii|p1|fDEL|n/libssl.so|=|,| @ | |-|:|\\.|\n|\t|\u{0}|1|x86_64|-r0|\\{|\\[installed\\]|[a-z]{1,3}|é|\\(deleted\\))", 0..60)) {
        let mut data = vec![first];
        data.extend(words.concat().into_bytes());
        fuzz(&data);
    }

    /// What dpkg would print of any package is read back.
    #[test]
    fn dpkg_lines_come_back(name in "[a-z0-9][a-z0-9+.-]{1,20}", version in "([0-9]:)?[0-9][0-9A-Za-z.+~]{0,10}(-[0-9a-z.+~]{1,8})?") {
        let document = read(Origin::DpkgQuery, format!("{name}\t{version}\n").as_bytes(), "h", at());
        prop_assert_eq!(document.packages.len(), 1);
        prop_assert_eq!(&document.packages[0].name, &name);
        prop_assert_eq!(&document.packages[0].version, &version);
    }

    /// The same of rpm.
    #[test]
    fn rpm_lines_come_back(name in "[a-z][A-Za-z0-9+_]{0,8}(-[a-z0-9]{1,5})?", epoch in 1_u32..5, version in "[0-9][0-9a-z.]{0,8}", release in "[0-9]{1,3}(\\.el[0-9])?") {
        for text in [format!("{name}-{epoch}:{version}-{release}.x86_64\n"), format!("{name} {epoch}:{version}-{release}.x86_64 {name}-{version}-{release}.src.rpm\n")] {
            let document = read(Origin::RpmQa, text.as_bytes(), "h", at());
            prop_assert_eq!(document.packages.len(), 1);
            prop_assert_eq!(&document.packages[0].name, &name);
            prop_assert_eq!(&document.packages[0].version, &format!("{epoch}:{version}-{release}"));
            prop_assert_eq!(document.packages[0].epoch, Some(epoch));
        }
    }
}
