//! A platform in virtual time: engines with their hosts, a network, and the real relay's logic.
//!
//! Nothing here reads a clock or draws randomness of its own: one seed decides everything, so every run can be
//! repeated. Scenarios drive a [`World`] by hand over a perfect network. The simulator ([`run`]) drives it by chance over
//! a bad one, beside a [`model`] that knows nothing of how engines work.

pub mod action;
pub mod check;
pub mod device;
pub mod heal;
pub mod hostile;
pub mod model;
pub mod net;
pub mod platform;
pub mod relay;
pub mod run;
mod scenario;
pub mod tally;
pub mod world;

pub use device::{Device, Link};
pub use net::Weather;
pub use world::{DeviceIx, Fate, World};
