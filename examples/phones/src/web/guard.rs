//! Who may come in: pages that this server served, from this machine.
//!
//! Any page of the web may send a browser to 127.0.0.1, and a name of its own may lead there (DNS rebinding). Such a request
//! bears that page's name in `Host`, `Origin` or `Sec-Fetch-Site`, and is refused before anything looks at it.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Only what this server serves: no other script, style, picture, font, frame or connection.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
/// A file of a message is nothing that runs.
pub const FILE_POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// Refuses what does not come from a page of this server.
pub async fn admit(State(port): State<u16>, request: Request, next: Next) -> Response {
    if is_admitted(request.method(), request.headers(), port) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "only for pages of this server, on this machine\n").into_response()
    }
}

/// Adds what tells the browser what the page may do.
pub async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(self)"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_admitted(method: &Method, headers: &HeaderMap, port: u16) -> bool {
    let text = |name: &HeaderName| match headers.get(name) {
        Some(value) => value.to_str().map(Some).map_err(|_| ()),
        None => Ok(None),
    };
    // A header twice is two opinions.
    let twice = [HOST, ORIGIN].iter().any(|name| headers.get_all(name).iter().count() > 1);
    let host = matches!(text(&HOST), Ok(Some(host)) if is_ours(host, port));
    let origin = match text(&ORIGIN) {
        Ok(None) => true,
        Ok(Some(origin)) => origin.strip_prefix("http://").is_some_and(|host| is_ours(host, port)),
        Err(()) => false,
    };
    let site = match text(&HeaderName::from_static("sec-fetch-site")) {
        Ok(None | Some("same-origin")) => true,
        // Typed into the address bar, or a link of another page: it opens the page, and reads nothing.
        Ok(Some("none" | "same-site" | "cross-site")) => {
            let navigates = matches!(text(&HeaderName::from_static("sec-fetch-mode")), Ok(Some("navigate")));
            *method == Method::GET && navigates
        }
        _ => false,
    };
    !twice && host && origin && site
}

/// Whether a host is this server by a name that no DNS gives out.
fn is_ours(host: &str, port: u16) -> bool {
    let names = ["127.0.0.1", "localhost", "[::1]"];
    names.iter().any(|name| host.strip_prefix(name) == Some(&format!(":{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        is_admitted(&Method::GET, &map, 8080)
    }

    #[test]
    fn pages_of_this_server_come_in() {
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"] {
            assert!(admits(&[("host", host)]));
            assert!(admits(&[
                ("host", host),
                ("origin", &format!("http://{host}")),
                ("sec-fetch-site", "same-origin")
            ]));
        }
        assert!(admits(&[("host", "127.0.0.1:8080"), ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")]));
    }

    #[test]
    fn pages_of_others_do_not() {
        for host in
            ["evil.example:8080", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8080.evil.example", "localhost:80800", ""]
        {
            assert!(!admits(&[("host", host)]), "{host}");
        }
        assert!(!admits(&[]));
        assert!(!admits(&[("host", "localhost:8080"), ("host", "evil.example:8080")]));
        for origin in
            ["null", "http://evil.example", "https://127.0.0.1:8080", "http://127.0.0.1", "http://127.0.0.1:8081"]
        {
            assert!(!admits(&[("host", "127.0.0.1:8080"), ("origin", origin)]), "{origin}");
        }
        assert!(!admits(&[
            ("host", "127.0.0.1:8080"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors")
        ]));
    }
}
