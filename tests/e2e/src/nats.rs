use std::path::{Path, PathBuf};
use std::process::Command;

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
