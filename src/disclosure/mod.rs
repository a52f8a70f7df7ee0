//! The catalogue of disclosures, embedded in the binary.
