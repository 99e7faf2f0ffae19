//! What a page and the server say to each other: one WebSocket, small JSON messages.
//!
//! A page says `{"id": 7, "phone": "ann", "ask": {"do": "send", …}}` and gets `{"id": 7, "ok": …}` or
//! `{"id": 7, "error": {"code": "denied", "text": "…"}}`. By itself the server says what has changed: `{"phone": "ann",
//! "updates": […]}` and `{"phone": "ann", "status": …}`, `{"sights": […]}` of the relay, `{"clock": …}`.

mod ask;
mod fault;
mod session;
mod watch;

pub use ask::{About, Kind, Terms, Wish};
pub use fault::Fault;
pub use session::run;
