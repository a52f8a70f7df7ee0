//! Which programs could run on which machine, from their ELF headers. Not a parser of hosts' files: these
//! are the user's own candidates to send.

use std::path::Path;

use object::{
    Endianness, FileKind, elf,
    read::elf::{FileHeader, ProgramHeader as _},
};

use crate::host::root::{open_regular, read_bounded};

/// Larger programs are not sent to anyone.
const MAX_PROGRAM: u64 = 256 << 20;

/// A program that may be sent.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// `uname -m` of the machines that it is for.
    pub machine: &'static str,
    /// Whether it needs no loader and no library of the host.
    pub is_static: bool,
    /// Its bytes.
    pub bytes: std::sync::Arc<[u8]>,
}

/// The machine that a static program is for, as `uname -m` names it; none for a program that needs a loader
/// and for what is no ELF program.
pub fn is_static_elf(path: &Path) -> Option<&'static str> {
    let program = read(path)?;
    program.is_static.then_some(program.machine)
}

/// Reads a candidate; none where it is no program that a known machine could run.
pub(super) fn read(path: &Path) -> Option<Program> {
    let bytes = read_bounded(&mut open_regular(path).ok()?, MAX_PROGRAM).ok()?;
    let (machine, is_static) = match FileKind::parse(bytes.as_slice()).ok()? {
        FileKind::Elf64 => look::<elf::FileHeader64<Endianness>>(&bytes)?,
        FileKind::Elf32 => look::<elf::FileHeader32<Endianness>>(&bytes)?,
        _ => return None,
    };
    Some(Program { machine, is_static, bytes: bytes.into() })
}

fn look<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<(&'static str, bool)> {
    let header = H::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let kind = header.e_type(endian);
    if kind != elf::ET_EXEC && kind != elf::ET_DYN {
        return None;
    }
    let machine = match (header.e_machine(endian), endian) {
        (elf::EM_X86_64, _) => "x86_64",
        (elf::EM_AARCH64, Endianness::Little) => "aarch64",
        (elf::EM_386, _) => "i686",
        (elf::EM_ARM, Endianness::Little) => "arm",
        (elf::EM_PPC64, Endianness::Little) => "ppc64le",
        (elf::EM_S390, Endianness::Big) => "s390x",
        (elf::EM_RISCV, Endianness::Little) => "riscv64",
        _ => return None,
    };
    let segments = header.program_headers(endian, bytes).ok()?;
    let loads = segments.iter().any(|segment| segment.p_type(endian) == elf::PT_LOAD);
    let interpreted = segments.iter().any(|segment| segment.p_type(endian) == elf::PT_INTERP);
    loads.then_some((machine, !interpreted))
}

/// The name under which programs for a machine are listed here, from what its `uname -m` says.
pub(super) fn machine_of(uname: &str) -> &str {
    match uname {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "i386" | "i486" | "i586" => "i686",
        "ppc64el" => "ppc64le",
        _ if uname.starts_with("armv") => "arm",
        _ => uname,
    }
}
