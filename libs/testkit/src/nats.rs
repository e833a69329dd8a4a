use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

/// A `nats-server` with JetStream on a port and directory of its own, killed when dropped.
#[derive(Debug)]
pub struct TestNats {
    port: u16,
    dir: TempDir,
    child: Mutex<Option<Child>>,
}

/// Starts a server and waits until it answers. The binary is `NATS_SERVER_BIN`, else
/// `nats-server` on the path.
pub async fn nats() -> TestNats {
    let server = TestNats {
        port: free_port(),
        dir: tempfile::tempdir().expect("a temporary directory"),
        child: Mutex::new(None),
    };
    server.start().await;
    server
}

impl TestNats {
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub async fn client(&self) -> async_nats::Client {
        async_nats::ConnectOptions::new()
            .retry_on_initial_connect()
            .reconnect_delay_callback(|_| std::time::Duration::from_millis(50))
            .connect(self.url())
            .await
            .expect("connect to nats-server")
    }

    /// `kill -9`. The data directory stays.
    pub fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            child.kill().expect("kill nats-server");
            child.wait().expect("wait for nats-server");
        }
    }

    /// Starts it again on the same port and data.
    pub async fn start(&self) {
        let binary = std::env::var("NATS_SERVER_BIN").unwrap_or_else(|_| "nats-server".to_owned());
        let child = Command::new(binary)
            .args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"])
            .arg(self.store())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start nats-server (set NATS_SERVER_BIN; ./dev test does)");
        *self.child() = Some(child);
        let address = format!("127.0.0.1:{}", self.port);
        crate::eventually("nats-server answers", || async {
            tokio::net::TcpStream::connect(&address).await.ok()
        })
        .await;
    }

    /// Takes the server's disk away. Kill it first.
    pub fn wipe(&self) {
        std::fs::remove_dir_all(self.store()).expect("remove the JetStream directory");
    }

    /// The JetStream directory.
    pub fn store(&self) -> PathBuf {
        self.dir.path().join("jetstream")
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for TestNats {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
