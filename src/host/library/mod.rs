//! Finds copies of TLS libraries in files: shared, linked into programs, in archives; and tells OpenSSL from
//! its relatives, and code from the mere text of its headers.
//!
//! Reads bytes; runs nothing, unpacks nothing to disk. Which package owns a file and which process has it
//! mapped is found by other parts; what a version means is found by `assess`.

mod archive;
mod banner;
mod bundle;
mod classify;
mod elf;
mod features;
mod file_systems;
mod identify;
mod markers;
mod metadata;
mod resolve;
mod source;
mod sweep;
mod users;

#[cfg(test)]
mod tests;

pub use identify::{build_id, identify, identify_bytes};
pub use resolve::resolve;
pub use sweep::{Options, sweep};
pub use users::Users;

/// Reads bytes with one of the parsers; the first byte says which.
///
/// # Panics
/// Where a parser breaks a promise of its own.
pub fn fuzz(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    match which % 8 {
        0 => {
            if let Some(library) = identify_bytes(data, "libcrypto.so.3") {
                assert!(library.build_id.is_none_or(|id| id.len() <= 128));
                assert!(library.banner.is_none_or(|banner| banner.len() <= 4 * banner::LONGEST));
            }
        }
        1 => {
            // A static archive, whatever follows its mark.
            let _ = identify_bytes(&[b"!<arch>\n", data].concat(), "lib.a");
        }
        2 => {
            if let Some(banner) = banner::openssl(data) {
                assert!(banner.text.starts_with("OpenSSL "), "{banner:?}");
                // What was read is read again, to the same.
                assert_eq!(banner::openssl(banner.text.as_bytes()).as_ref(), Some(&banner));
            }
            let _ = banner::relative(data, "LibreSSL");
        }
        3 | 4 => {
            let path = if which % 2 == 0 { "/x.whl" } else { "/x.tar" };
            let cover = crate::host::cover::Cover::default();
            for library in archive::of_bytes(data, path, &cover) {
                assert!(library.path.starts_with(path), "{}", library.path);
            }
        }
        5 => {
            // What a gzip stream holds, without the need to guess its checksum.
            let packed = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03", data].concat();
            let _ = archive::of_bytes(&packed, "/x.gz", &crate::host::cover::Cover::default());
        }
        6 => {
            for path in metadata::record(data) {
                assert!(!path.is_empty());
            }
            let _ = metadata::wheel(data);
        }
        _ => {
            let _ = (metadata::package_json(data), metadata::conda(data, "lib/x.so"), metadata::sbom(data));
        }
    }
}
