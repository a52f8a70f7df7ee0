//! The causes of PROBING 2 that a scripted server can show, and what an observation then holds.

mod heartbeats;
mod reaching;
mod scripted;
