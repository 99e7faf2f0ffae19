//! The program as a platform runs it: a process with a configuration file, a disk, a log, and clients that mean it no good.

mod blobs;
mod hostile;
mod http;
mod intruders;
mod operation;
mod process;
mod push;
mod scene;
#[cfg(feature = "nats")]
mod server;
mod tls;
mod wire;
