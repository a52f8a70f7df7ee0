//! Histories in one line each, and what a user would be told at their end.
