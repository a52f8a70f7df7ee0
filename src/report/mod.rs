//! Views of the assessment: CSV, JSON, Markdown, HTML, terminal.

pub mod checklist;
