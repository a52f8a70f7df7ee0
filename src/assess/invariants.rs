//! placeholder
/// x
pub fn fuzz(_data: &[u8]) {}
