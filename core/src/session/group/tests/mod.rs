//! What a session promises, each promise by name.

mod commits;
mod foreign;
mod joining;
mod order;
mod reload;
mod repeatable;
mod secrecy;
mod tampering;
mod two_providers;
mod writes;
