//! The incident file: SQLite, append-only evidence, hash chain.
