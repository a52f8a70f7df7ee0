//! An embedded fleet with known faults.
