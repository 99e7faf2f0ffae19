//! What the programs and tests of this crate share. Each topic has a folder of its own beside `src/`.

pub mod platform;
