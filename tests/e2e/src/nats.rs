use std::path::{Path, PathBuf};
use std::process::Command;

use futures::StreamExt;
use tokio::net::TcpStream;

use crate::process::{Process, free_port};
use crate::wait::eventually;

/// A `nats-server` with JetStream on a port and directory of its own.
#[derive(Debug)]
pub struct Nats {
    binary: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

/// A message as it lies in a stream.
#[derive(Debug)]
pub struct Message {
    pub subject: String,
    pub headers: String,
    pub payload: Vec<u8>,
}

impl Nats {
    pub async fn start(binary: &Path, folder: &Path) -> Self {
        let mut nats =
            Self { binary: binary.to_owned(), folder: folder.to_owned(), port: free_port(), process: None };
        nats.restart().await;
        nats
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Everything in every stream: subject, headers and payload of each message, oldest first.
    pub async fn messages(&self) -> Vec<Message> {
        // A stream may be made anew while it is read.
        eventually("every message of the bus is read", || self.read()).await
    }

    async fn read(&self) -> Option<Vec<Message>> {
        let client = async_nats::connect(self.url()).await.ok()?;
        let context = async_nats::jetstream::new(client);
        let mut streams = context.streams();
        let mut messages = Vec::new();
        while let Some(info) = streams.next().await {
            let info = info.ok()?;
            let stream = context.get_stream(&info.config.name).await.ok()?;
            for sequence in info.state.first_sequence.max(1)..=info.state.last_sequence {
                let message = stream.get_raw_message(sequence).await.ok()?;
                messages.push(Message {
                    subject: message.subject.to_string(),
                    headers: format!("{:?}", message.headers),
                    payload: message.payload.to_vec(),
                });
            }
        }
        Some(messages)
    }

    /// Publishes what nobody of ours has said; says whether a stream took it.
    pub async fn publish(&self, subject: &str, headers: &[(&str, String)], payload: Vec<u8>) -> bool {
        let client = async_nats::connect(self.url()).await.expect("connect to NATS");
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.as_str());
        }
        let context = async_nats::jetstream::new(client);
        let sent = context.publish_with_headers(subject.to_owned(), map, payload.into()).await;
        sent.expect("a message that is sent").await.is_ok()
    }

    /// `kill -9`; its directory stays.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it, again or first, on the same port and directory.
    pub async fn restart(&mut self) {
        let mut command = Command::new(&self.binary);
        command
            .args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"])
            .arg(self.folder.join("jetstream"));
        self.process = Some(Process::start("nats-server", command, &self.folder));
        let address = ("127.0.0.1", self.port);
        eventually("nats-server answers", || async move { TcpStream::connect(address).await.ok() }).await;
    }
}
