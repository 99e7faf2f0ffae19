//! Requests over HTTP, byte by byte.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Bytes that may be under way to one who does not read.
const NARROW: u32 = 16 * 1024;

/// A connection from an address; `None` when it is not taken.
pub async fn connect(to: SocketAddr, from: IpAddr) -> Option<TcpStream> {
    socket(from).connect(to).await.ok()
}

/// The same, of one on whose side hardly anything waits that it has not read.
pub async fn connect_narrow(to: SocketAddr, from: IpAddr) -> TcpStream {
    let socket = socket(from);
    socket.set_recv_buffer_size(NARROW).unwrap();
    socket.connect(to).await.unwrap()
}

fn socket(from: IpAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket
}

/// What came of a request.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// One request over a connection of its own, byte by byte as written here: no library makes it polite.
pub async fn http(
    to: SocketAddr,
    from: IpAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = connect(to, from).await.expect("a connection");
    stream.write_all(&head(to, method, path, headers, body.len())).await.unwrap();
    let _ = stream.write_all(body).await;
    answer(stream).await
}

/// The head of a request with a body of so many bytes.
pub fn head(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {length}\r\n\r\n").unwrap();
    head.into_bytes()
}

/// Reads an answer to its end. No bytes at all are status 0.
pub async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
    Answer { status, head, body }
}
