//! Three phones on one page: a client, an escort and a support agent, and between them what the relay sees.
//!
//! [`serve`] starts a relay and an engine for each phone in this process, and a web server on loopback around them. The
//! phones talk to each other over the relay's WebSocket and nothing else; the page draws what their engines say, and tells
//! them what was clicked. So the page is the screen of a host, three times.
//!
//! - [`platform`] is the relay, the clock and the three [`phone`]s.
//! - `web` is the server: who may come in, the files of the page, one WebSocket a page, files of messages up and down.
//! - `page` is what a page and the server say to each other, `deeds` what is done on an engine for it, `view` how it looks
//!   as JSON.

mod deeds;
mod page;
pub mod phone;
pub mod platform;
mod view;
mod web;

pub use platform::{Platform, PlatformError};
pub use web::{Served, serve};
