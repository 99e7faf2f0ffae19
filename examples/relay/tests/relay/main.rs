//! What the relay does, by behaviour. The clients here are doctored: they send what no engine would.

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
