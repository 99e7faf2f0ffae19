//! What a session promises, each promise by name.

mod order;
mod repeatable;
