//! What depends on where the program keeps things, once more with NATS, and what only several relays can show. R42
//!
//! `cargo xtask relay` runs it, for it needs `nats-server`.

#![allow(dead_code, reason = "what only the other tests use")]

/// Whether the program keeps what it keeps in NATS.
const ON_NATS: bool = true;

mod kit;
mod program {
    mod blobs;
    mod http;
    mod intruders;
    mod process;
    mod scene;
    mod server;
    mod several;
    mod wire;
}
