//! Where a relay is: host and port of an address like `wss://relay.example.org`, and the same over HTTP.

use std::fmt;

/// An address, taken apart. It has no user, no query and no fragment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Whether TLS is spoken.
    pub(crate) tls: bool,
    /// A name or an address; IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What is below: empty, or with a `/` in front.
    pub(crate) path: String,
}

impl Address {
    /// Reads `ws:`, `wss:`, `http:` and `https:` addresses.
    pub(crate) fn parse(text: &str) -> Option<Address> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return None,
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let plain = |text: &str| text.bytes().all(|c| c.is_ascii_graphic() && !b"@?#\\\"<>".contains(&c));
        if !plain(authority) || !plain(path) {
            return None;
        }
        let (host, port) = host_and_port(authority)?;
        let port = port.map_or(Some(if tls { 443 } else { 80 }), |port| port.parse().ok())?;
        let known = !host.is_empty() && !host.contains(['[', ']']);
        known.then(|| Address { tls, host: host.into(), port, path: path.into() })
    }

    /// Whether it is on this very machine.
    #[cfg(all(feature = "server", feature = "push"))]
    pub(crate) fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|host: std::net::IpAddr| host.is_loopback())
    }

    /// For the `Host` header.
    pub(crate) fn authority(&self) -> String {
        let Address { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Debug for Address {
    /// Without the path, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority())
    }
}

fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest {
            "" => Some((host, None)),
            rest => Some((host, Some(rest.strip_prefix(':')?))),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => None,
        Some((host, port)) => Some((host, Some(port))),
        None => Some((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let parts = |text: &str| Address::parse(text).map(|a| (a.tls, a.authority(), a.path));
        let some = |tls, authority: &str, path: &str| Some((tls, authority.to_owned(), path.to_owned()));
        assert_eq!(parts("ws://127.0.0.1:8787"), some(false, "127.0.0.1:8787", ""));
        assert_eq!(parts("wss://relay.example.org"), some(true, "relay.example.org:443", ""));
        assert_eq!(parts("https://relay.example.org/below/"), some(true, "relay.example.org:443", "/below/"));
        assert_eq!(parts("HTTP://[::1]:9/a/b"), some(false, "[::1]:9", "/a/b"));
        assert_eq!(parts("http://[::1]"), some(false, "[::1]:80", ""));
        for bad in [
            "",
            "relay",
            "ftp://a",
            "ws://",
            "ws://a:b",
            "ws://u@a",
            "ws://a/?q",
            "ws://a b",
            "ws://[::1",
            "ws://a:1:2",
            "ws://::1",
        ] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
