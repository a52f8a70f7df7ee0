//! The parsers, on what kernels write and on what they never would.

use proptest::prelude::*;

use super::super::{maps, net, status};
use crate::model::host::Protocol;

fn file(line: &str) -> maps::Mapping {
    match maps::line(line.as_bytes()) {
        maps::Line::File(mapping) => mapping,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_mapped_file_is_read_with_its_whole_name() {
    let plain =
        file("7fd765cbc000-7fd765e12000 r-xp 00026000 fe:00 326279                     /usr/lib/libc.so.6");
    assert_eq!(plain.range, (0x7fd7_65cb_c000, 0x7fd7_65e1_2000));
    assert_eq!((plain.exec, plain.dev, plain.inode), (true, (0xfe, 0), 326_279));
    assert_eq!(plain.raw, b"/usr/lib/libc.so.6");
    let spaces = file("1000-2000 r--s 00000000 00:2f 7 /srv/my app/lib ssl (old).so (deleted)");
    assert_eq!(maps::unmark(&spaces.raw), (&b"/srv/my app/lib ssl (old).so"[..], true));
    assert!(!spaces.exec);
    let tail = file("1000-2000 rwxp 00000000 08:01 7 /tmp/a ");
    assert_eq!(tail.raw, b"/tmp/a ");
}

#[test]
fn marks_of_removed_files_are_known_in_both_places() {
    let table: [(&[u8], &[u8], bool); 6] = [
        (b"/lib/x.so (deleted)", b"/lib/x.so", true),
        (b"(deleted)/lib/x.so", b"/lib/x.so", true),
        (b"(deleted) /lib/x.so", b"/lib/x.so", true),
        (b"/lib/x.so", b"/lib/x.so", false),
        (b"/lib/x.so(deleted)", b"/lib/x.so(deleted)", false),
        (b"/lib/x (deleted) (deleted)", b"/lib/x (deleted)", true),
    ];
    for (raw, path, marked) in table {
        assert_eq!(maps::unmark(raw), (path, marked), "{}", String::from_utf8_lossy(raw));
    }
    assert_eq!(maps::unescape(b"/a\\012b\\01"), b"/a\nb\\01");
}

#[test]
fn memory_without_a_file_is_left_out_and_shared_memory_with_one_is_not() {
    for other in [
        "1000-2000 rw-p 00000000 00:00 0 [heap]",
        "1000-2000 rw-p 00000000 00:00 0 ",
        "1000-2000 r-xp 00000000 00:00 0                          [vdso]",
        "1000-2000 rwxp 00000000 00:01 1034 /memfd:doublemapper (deleted)",
        "1000-2000 rw-s 00000000 00:01 32768 /SYSV00000000 (deleted)",
        "1000-2000 rw-s 00000000 00:05 88 /dev/zero (deleted)",
        "1000-2000 rw-s 00000000 00:0e 1034 /[aio] (deleted)",
        "1000-2000 rw-s 00000000 00:0e 1034 anon_inode:[io_uring]",
    ] {
        assert_eq!(maps::line(other.as_bytes()), maps::Line::Other, "{other}");
    }
    assert_eq!(
        file("1000-2000 r-xp 0 00:1a 5 /dev/shm/_MEI1/libcrypto.so.3").raw,
        b"/dev/shm/_MEI1/libcrypto.so.3"
    );
}

#[test]
fn what_is_no_such_line_is_odd() {
    for odd in [
        "",
        "nonsense",
        "1000-2000",
        "2000-1000 r-xp 0 08:01 5 /x",
        "1000-2000 r-xp 0 0801 5 /x",
        "1000-2000 r-xp 0 08:01 -5 /x",
        "1000-10000000000000000 r-xp 0 08:01 5 /x",
        "1000-2000 r-xp 0 08:100000000 5 /x",
        "1000-2000 r 0 08:01 5 /x",
        "+1000-2000 r-xp 0 08:01 5 /x",
    ] {
        assert_eq!(maps::line(odd.as_bytes()), maps::Line::Odd, "{odd}");
    }
    assert_eq!(maps::line(b"1000-2000 r-xp 0 08:01 \xff /x"), maps::Line::Odd);
}

#[test]
fn tls_libraries_are_known_by_name() {
    for yes in [
        "/a/libssl.so.3",
        "libcrypto.so",
        "/w/libcrypto-ea28cefb.so.1.1",
        "/w/libssl.1.1.so",
        "/x/libssl.so.10",
    ] {
        assert!(maps::named_tls(yes.as_bytes()), "{yes}");
    }
    for no in [
        "/a/libssl3.so",
        "/a/libsslx.so",
        "/libssl.so.3/readme",
        "/a/libcrypto.a",
        "/a/libk5crypto.so.3",
        "/a/libssh.so",
    ] {
        assert!(!maps::named_tls(no.as_bytes()), "{no}");
    }
}

#[test]
fn the_name_in_stat_ends_at_the_last_parenthesis() {
    let text = b"42 (a) b (S 1) R 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 9876 10 11\n";
    let stat = status::stat(text).unwrap();
    assert_eq!((stat.comm.as_slice(), stat.state, stat.ppid), (&b"a) b (S 1"[..], b'R', 7));
    assert_eq!((stat.kernel, stat.threads, stat.start), (false, 3, 9876));
    let raw = status::stat(b"42 (a\nb) S 7 1 1 0 -1 2129984 1 2 3 4 5 6 7 8 20 0 1 0 5 10\n").unwrap();
    assert_eq!((raw.comm.as_slice(), raw.kernel), (&b"a\nb"[..], true));
    let escaped = status::stat(b"42 (a\\nb\\\\n) S 7 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 5 10\n").unwrap();
    assert_eq!(escaped.comm, b"a\nb\\n");
    for broken in
        [&b""[..], b"42 a S 1", b"42 (a", b"42 (a) S", b"42 )a( S 1 2 3", b"42 (a) S x 1 1 0 -1 0 1"]
    {
        assert_eq!(status::stat(broken), None, "{}", String::from_utf8_lossy(broken));
    }
}

#[test]
fn status_tells_the_effective_user_and_nested_numbers() {
    let found = status::status(b"Name:\tx\nUid:\t1000\t33\t0\t0\nNSpid:\t812\t7\t1\n");
    assert_eq!((found.uid, found.pid_spaces), (Some(33), 3));
    // A name with a line feed in it, as kernels before 2.6.30 let through.
    assert_eq!(status::status(b"Name:\tx\nUid:\t0\t0\nUid:\t5\t5\t5\t5\n").uid, Some(5));
    assert_eq!(status::status(b"\xff\xfe:\n::").uid, None);
    assert_eq!(status::boot_time(b"cpu 1 2\nbtime 1795527564\nprocesses 3\n"), Some(1_795_527_564));
    assert_eq!(status::boot_time(b"btime x\n"), None);
    let users =
        status::users("root:x:0:0::/:/bin/sh\ntoor:x:0:0:::\n\n#a:x:1:\nweb:x:33:33\nbad:x:-1:\n+::5:\n");
    assert_eq!(users.into_iter().collect::<Vec<_>>(), [(0, "root".to_owned()), (33, "web".to_owned())]);
}

const TCP: &str =
    "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  33        0 4711 1 0 100 0";

#[cfg(target_endian = "little")]
#[test]
fn sockets_are_read_in_the_kernels_byte_order() {
    let get = |protocol, line: &str| match net::line(protocol, line.as_bytes()) {
        net::Line::Listens(socket) => format!("{}|{}|{}", socket.address, socket.port, socket.inode),
        other => format!("{other:?}"),
    };
    assert_eq!(get(Protocol::Tcp, TCP), "127.0.0.1|8080|4711");
    let v6 = TCP.replace("0100007F", &format!("B80D0120{}01000000", "0".repeat(16)));
    let v6 = v6.replace("00000000:0000 ", &format!("{}:0000 ", "0".repeat(32)));
    assert_eq!(get(Protocol::Tcp, &v6), "2001:db8::1|8080|4711");
    let mapped = TCP.replace("0100007F", "0000000000000000FFFF00000100007F");
    assert_eq!(get(Protocol::Tcp, &mapped), "127.0.0.1|8080|4711");
    assert_eq!(get(Protocol::Tcp, &TCP.replace(" 0A ", " 01 ")), "Other");
    assert_eq!(get(Protocol::Udp, &TCP.replace(" 0A ", " 07 ")), "127.0.0.1|8080|4711");
    let connected = TCP.replace(" 0A ", " 07 ").replace("00000000:0000", "08080808:0035");
    assert_eq!(get(Protocol::Udp, &connected), "Other");
    assert_eq!(get(Protocol::Tcp, "  sl  local_address rem_address   st tx_queue"), "Other");
    for odd in [
        "1:",
        &TCP.replace("0100007F", "100007F"),
        &TCP.replace("0100007F", "+100007F"),
        &TCP.replace(":1F90", ":11F90"),
    ] {
        assert_eq!(get(Protocol::Tcp, odd), "Odd", "{odd}");
    }
}

#[test]
fn links_of_sockets_and_namespaces_hold_numbers() {
    assert_eq!(net::socket_inode(b"socket:[4711]"), Some(4711));
    assert_eq!(net::socket_inode(b"pipe:[4711]"), None);
    assert_eq!(net::namespace(b"mnt:[4026531832]"), Some(4_026_531_832));
    assert_eq!(net::namespace(b"mnt:[]"), None);
    assert_eq!(net::port_range(b"32768\t60999\n"), Some((32768, 60999)));
    assert_eq!(net::port_range(b"9 1"), None);
}

proptest! {
    #[test]
    fn any_name_in_stat_comes_back(comm in prop::collection::vec(any::<u8>(), 0..32), ppid: u32, start: u64) {
        let mut text = b"7 (".to_vec();
        for byte in &comm {
            match byte {
                b'\n' => text.extend(b"\\n"),
                b'\\' => text.extend(b"\\\\"),
                other => text.push(*other),
            }
        }
        text.extend(format!(") S {ppid} 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 {start} 1").bytes());
        let stat = status::stat(&text).unwrap();
        prop_assert_eq!((stat.comm, stat.ppid, stat.start), (comm, ppid, start));
    }

    #[test]
    fn any_file_in_a_map_comes_back(start in 0..u64::MAX, dev: (u32, u32), inode in 1..u64::MAX, name in "/srv/[^\\\\\n]{0,40}[a-z]") {
        let line = format!("{start:x}-{:x} r-xp 00000000 {:02x}:{:02x} {inode} {name}", start + 1, dev.0, dev.1);
        let mapping = file(&line);
        prop_assert_eq!((mapping.range.0, mapping.dev, mapping.inode), (start, dev, inode));
        prop_assert_eq!(&mapping.raw, name.as_bytes());
        let gone = file(&format!("{line} (deleted)"));
        prop_assert_eq!(maps::unmark(&gone.raw), (name.as_bytes(), true));
    }

    #[test]
    fn any_bytes_are_harmless(data in prop::collection::vec(any::<u8>(), 0..400)) {
        super::super::fuzz(&data);
    }

    #[test]
    fn near_misses_are_harmless(pick in 0u8..5, text in "[0-9a-fx: /()\\[\\]\\-.a-z\n\\\\@]{0,200}") {
        let mut data = vec![pick];
        data.extend(text.bytes());
        super::super::fuzz(&data);
    }
}
