//! Inventories: from files that people have to services and secrets with file and line.
