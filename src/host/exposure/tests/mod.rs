//! What a user would notice: answers about ports, facts about filters.

mod lab;
mod live;
mod parsers;
mod recorded;
mod sets;
