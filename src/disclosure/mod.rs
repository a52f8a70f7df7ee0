//! The catalogue of disclosures: one TOML file each under `disclosures/`, embedded in the binary.
//!
//! It says what a disclosure is; what evidence means for it is the business of `assess`.
//!
//! To add one: write `disclosures/<ID>.toml` and add its line to [`FILES`].

mod catalogue;
pub mod check;
pub mod import;
mod near;
mod ranges;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use catalogue::{Added, Catalogue};
pub use check::{Fault, check};
pub use near::names as near;
pub use write::write;

use crate::model::{disclosure::Disclosure, text::Printable};

/// Every file of the catalogue: its name without the ending, and its text.
#[rustfmt::skip]
pub const FILES: &[(&str, &str)] = &[
    ("CVE-2008-0166", include_str!("../../disclosures/CVE-2008-0166.toml")),
    ("CVE-2014-0160", include_str!("../../disclosures/CVE-2014-0160.toml")),
    ("CVE-2014-0224", include_str!("../../disclosures/CVE-2014-0224.toml")),
    ("CVE-2014-3566", include_str!("../../disclosures/CVE-2014-3566.toml")),
    ("CVE-2015-0204", include_str!("../../disclosures/CVE-2015-0204.toml")),
    ("CVE-2015-4000", include_str!("../../disclosures/CVE-2015-4000.toml")),
    ("CVE-2016-0800", include_str!("../../disclosures/CVE-2016-0800.toml")),
    ("CVE-2016-2107", include_str!("../../disclosures/CVE-2016-2107.toml")),
    ("CVE-2016-9244", include_str!("../../disclosures/CVE-2016-9244.toml")),
    ("CVE-2017-15361", include_str!("../../disclosures/CVE-2017-15361.toml")),
    ("CVE-2020-1971", include_str!("../../disclosures/CVE-2020-1971.toml")),
    ("CVE-2021-3449", include_str!("../../disclosures/CVE-2021-3449.toml")),
    ("CVE-2022-0778", include_str!("../../disclosures/CVE-2022-0778.toml")),
    ("CVE-2022-3602", include_str!("../../disclosures/CVE-2022-3602.toml")),
    ("CVE-2022-3786", include_str!("../../disclosures/CVE-2022-3786.toml")),
    ("CVE-2023-0286", include_str!("../../disclosures/CVE-2023-0286.toml")),
    ("CVE-2024-3094", include_str!("../../disclosures/CVE-2024-3094.toml")),
    ("CVE-2024-5535", include_str!("../../disclosures/CVE-2024-5535.toml")),
    ("CVE-2024-6387", include_str!("../../disclosures/CVE-2024-6387.toml")),
    ("CVE-2024-12797", include_str!("../../disclosures/CVE-2024-12797.toml")),
    ("CVE-2025-11187", include_str!("../../disclosures/CVE-2025-11187.toml")),
    ("CVE-2025-15467", include_str!("../../disclosures/CVE-2025-15467.toml")),
    ("CVE-2025-15468", include_str!("../../disclosures/CVE-2025-15468.toml")),
    ("CVE-2025-15469", include_str!("../../disclosures/CVE-2025-15469.toml")),
    ("CVE-2025-66199", include_str!("../../disclosures/CVE-2025-66199.toml")),
    ("CVE-2025-68160", include_str!("../../disclosures/CVE-2025-68160.toml")),
    ("CVE-2025-69418", include_str!("../../disclosures/CVE-2025-69418.toml")),
    ("CVE-2025-69419", include_str!("../../disclosures/CVE-2025-69419.toml")),
    ("CVE-2025-69420", include_str!("../../disclosures/CVE-2025-69420.toml")),
    ("CVE-2025-69421", include_str!("../../disclosures/CVE-2025-69421.toml")),
    ("CVE-2026-2673", include_str!("../../disclosures/CVE-2026-2673.toml")),
    ("CVE-2026-7383", include_str!("../../disclosures/CVE-2026-7383.toml")),
    ("CVE-2026-9076", include_str!("../../disclosures/CVE-2026-9076.toml")),
    ("CVE-2026-22795", include_str!("../../disclosures/CVE-2026-22795.toml")),
    ("CVE-2026-22796", include_str!("../../disclosures/CVE-2026-22796.toml")),
    ("CVE-2026-28386", include_str!("../../disclosures/CVE-2026-28386.toml")),
    ("CVE-2026-28387", include_str!("../../disclosures/CVE-2026-28387.toml")),
    ("CVE-2026-28388", include_str!("../../disclosures/CVE-2026-28388.toml")),
    ("CVE-2026-28389", include_str!("../../disclosures/CVE-2026-28389.toml")),
    ("CVE-2026-28390", include_str!("../../disclosures/CVE-2026-28390.toml")),
    ("CVE-2026-31789", include_str!("../../disclosures/CVE-2026-31789.toml")),
    ("CVE-2026-31790", include_str!("../../disclosures/CVE-2026-31790.toml")),
    ("CVE-2026-34180", include_str!("../../disclosures/CVE-2026-34180.toml")),
    ("CVE-2026-34181", include_str!("../../disclosures/CVE-2026-34181.toml")),
    ("CVE-2026-34182", include_str!("../../disclosures/CVE-2026-34182.toml")),
    ("CVE-2026-34183", include_str!("../../disclosures/CVE-2026-34183.toml")),
    ("CVE-2026-35188", include_str!("../../disclosures/CVE-2026-35188.toml")),
    ("CVE-2026-35189", include_str!("../../disclosures/CVE-2026-35189.toml")),
    ("CVE-2026-35191", include_str!("../../disclosures/CVE-2026-35191.toml")),
    ("CVE-2026-42764", include_str!("../../disclosures/CVE-2026-42764.toml")),
    ("CVE-2026-42765", include_str!("../../disclosures/CVE-2026-42765.toml")),
    ("CVE-2026-42766", include_str!("../../disclosures/CVE-2026-42766.toml")),
    ("CVE-2026-42767", include_str!("../../disclosures/CVE-2026-42767.toml")),
    ("CVE-2026-42768", include_str!("../../disclosures/CVE-2026-42768.toml")),
    ("CVE-2026-42769", include_str!("../../disclosures/CVE-2026-42769.toml")),
    ("CVE-2026-42770", include_str!("../../disclosures/CVE-2026-42770.toml")),
    ("CVE-2026-42771", include_str!("../../disclosures/CVE-2026-42771.toml")),
    ("CVE-2026-42772", include_str!("../../disclosures/CVE-2026-42772.toml")),
    ("CVE-2026-45445", include_str!("../../disclosures/CVE-2026-45445.toml")),
    ("CVE-2026-45446", include_str!("../../disclosures/CVE-2026-45446.toml")),
    ("CVE-2026-45447", include_str!("../../disclosures/CVE-2026-45447.toml")),
    ("CVE-2026-54872", include_str!("../../disclosures/CVE-2026-54872.toml")),
    ("CVE-2026-54873", include_str!("../../disclosures/CVE-2026-54873.toml")),
    ("CVE-2026-54874", include_str!("../../disclosures/CVE-2026-54874.toml")),
    ("CVE-2026-54875", include_str!("../../disclosures/CVE-2026-54875.toml")),
    ("CVE-2026-63072", include_str!("../../disclosures/CVE-2026-63072.toml")),
    ("CVE-2026-63074", include_str!("../../disclosures/CVE-2026-63074.toml")),
    ("CVE-2026-63076", include_str!("../../disclosures/CVE-2026-63076.toml")),
    ("CVE-2026-72897", include_str!("../../disclosures/CVE-2026-72897.toml")),
    ("CVE-2026-75803", include_str!("../../disclosures/CVE-2026-75803.toml")),
    ("CVE-2026-75804", include_str!("../../disclosures/CVE-2026-75804.toml")),
    ("CVE-2026-75805", include_str!("../../disclosures/CVE-2026-75805.toml")),
    ("CVE-2026-75806", include_str!("../../disclosures/CVE-2026-75806.toml")),
    ("CVE-2026-77696", include_str!("../../disclosures/CVE-2026-77696.toml")),
    ("CVE-2026-84782", include_str!("../../disclosures/CVE-2026-84782.toml")),
    ("CVE-2026-84783", include_str!("../../disclosures/CVE-2026-84783.toml")),
    ("CVE-2026-84784", include_str!("../../disclosures/CVE-2026-84784.toml")),
    ("ROBOT", include_str!("../../disclosures/ROBOT.toml")),
];

/// Why a disclosure could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A catalogue file that cannot be read.
    #[error("disclosures/{file}.toml: {message}")]
    Bad {
        /// The file's name without the ending.
        file: &'static str,
        /// What is wrong, with its place.
        message: String,
    },
    /// A name that no disclosure goes by.
    #[error("no disclosure is called `{}`{}; `allclear disclosure list` shows all", Printable(.name), perhaps(.near))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that were perhaps meant.
        near: Vec<String>,
    },
}

fn perhaps(near: &[String]) -> String {
    match near {
        [] => String::new(),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("`{}`", Printable(name))).collect();
            format!("; did you mean {}?", names.join(" or "))
        }
    }
}

/// For the fuzzer: the first byte picks our own format (`t`) or those of others (`i`), the rest is the file.
///
/// # Panics
/// Where a promise of one of them does not hold.
pub fn fuzz(data: &[u8]) {
    match data.split_first() {
        Some((b't', rest)) => check::fuzz(rest),
        Some((b'i', rest)) => import::fuzz(rest),
        _ => {}
    }
}

/// A disclosure of the built-in catalogue by its id or an alias, whatever the case.
pub fn find(name: &str) -> Result<Arc<Disclosure>, Error> {
    Catalogue::built_in()?.find(name)
}
