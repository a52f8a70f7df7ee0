//! Which file systems a sweep enters.

use std::os::fd::AsFd;

/// What a file system is to a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileSystem {
    /// Files of this host.
    Local,
    /// Made up by the kernel: no file in it is one.
    Pseudo,
    /// On another host, or behind a program that may hang; also automounts, which entering would set off.
    Network,
}

/// The kernel's numbers of file systems that hold no files.
const PSEUDO: [u32; 22] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x0000_1cd1, // devpts
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0x1980_0202, // mqueue
    0x9584_58f6, // hugetlbfs
    0x6265_6570, // configfs
    0x6573_5543, // fusectl
    0xde5e_81e4, // efivarfs
    0xf97c_ff8c, // selinux
    0x4249_4e4d, // binfmt_misc
    0x6e73_6673, // nsfs
    0x534f_434b, // sockfs
    0x5049_5045, // pipefs
    0x6759_6969, // rpc_pipefs
    0x0bad_1dea, // futexfs
];

const NETWORK: [u32; 13] = [
    0x0000_6969, // nfs
    0x0000_517b, // smb
    0xff53_4d42, // cifs
    0xfe53_4d42, // smb2
    0x6573_5546, // fuse
    0x0102_1997, // 9p
    0x5346_414f, // afs
    0x6b41_4653, // kafs
    0x00c3_6400, // ceph
    0x0bd0_0bd0, // lustre
    0x4750_4653, // gpfs
    0x7375_7245, // coda
    0x0000_0187, // autofs
];

/// What kind of file system an open folder lies on; one that does not tell is local.
pub(super) fn kind(folder: impl AsFd) -> FileSystem {
    let Ok(stat) = rustix::fs::fstatfs(folder) else { return FileSystem::Local };
    // The field's type differs by architecture; the numbers are of 32 bits in all.
    let kind = u32::try_from(i128::from(stat.f_type) & 0xffff_ffff).unwrap_or_default();
    if PSEUDO.contains(&kind) {
        FileSystem::Pseudo
    } else if NETWORK.contains(&kind) {
        FileSystem::Network
    } else {
        FileSystem::Local
    }
}
