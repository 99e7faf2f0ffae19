//! The files of the page, which are part of the program.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};

macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        /// Every file by its name.
        const ASSETS: &[(&str, &[u8])] = &[$(($name, include_bytes!(concat!("../../assets/", $name)))),*];
    };
}

assets! {
    "app.js", "attach.js", "base.css", "bubble.js", "calls.js", "composer.js", "details.js", "dom.js",
    "emoji.js", "format.js", "icon.svg", "icons.js", "link.js", "list.js", "media.js", "notify.js", "overlay.css",
    "people.js", "phone.css", "phone.js", "recorder.js", "relay-view.js", "search.js", "settings.js", "sheet.js",
    "sound.js", "stage.css", "store.js", "theme.js", "thread.css", "thread.js", "ticks.js", "timers.js",
}

/// The page itself.
pub async fn index() -> Html<&'static str> {
    Html(include_str!("../../assets/index.html"))
}

/// One of its files.
pub async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, _)| *known == name) {
        Some((name, bytes)) => ([(CONTENT_TYPE, media_type(name))], *bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
