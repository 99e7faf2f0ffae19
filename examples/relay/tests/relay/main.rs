//! What the relay does, by behaviour. The clients here are doctored: they send what no engine would.

/// Whether the program keeps what it keeps in NATS. `nats.rs` runs with it what depends on that.
#[cfg(all(feature = "program", feature = "client", feature = "push", feature = "tls"))]
const ON_NATS: bool = false;

mod admission;
mod directory;
mod ephemeral;
mod gateway;
mod kit;
mod login;
mod mailbox;
#[cfg(all(feature = "program", feature = "client", feature = "push", feature = "tls"))]
mod program;
mod shared;
mod slot;
mod view;
#[cfg(all(feature = "server", feature = "client"))]
mod websocket;
