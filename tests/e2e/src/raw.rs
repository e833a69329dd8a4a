//! HTTP that no proper client would send, byte by byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends bytes to `host:port` and reads until the server closes. Answers status, head and body;
/// status 0 when the server just hung up.
pub async fn send(origin: &str, bytes: &[u8]) -> (u16, String, String) {
    let address = origin.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("connect to the gateway");
    // The server may refuse before it has read all: a broken pipe is no failure here.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    if tokio::time::timeout(Duration::from_secs(20), read).await.is_err() {
        let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
        panic!("the server does not close: {sent}\nit said: {}", String::from_utf8_lossy(&answer));
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, head.to_owned(), body.to_owned())
}

/// A GET with this path and these further header lines.
pub async fn get(origin: &str, path: &str, headers: &str) -> (u16, String, String) {
    let host = origin.trim_start_matches("http://");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
    send(origin, request.as_bytes()).await
}
