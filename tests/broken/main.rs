//! Engines and relays that are broken on purpose, one test each: the same run is well without the fault, and is caught
//! with it. A check that never fails proves nothing.

mod chance;
mod commits;
mod erasing;
mod keys;
mod offline;
mod repeat;
mod repeats;
mod sessions;
