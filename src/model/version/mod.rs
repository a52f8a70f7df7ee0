//! Versions and how they compare, one file for each scheme. Pure; assessment and catalogue both need them.

mod openssl;

pub use openssl::OpensslVersion;
