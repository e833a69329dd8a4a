use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::wait::within;

const PORTS: u32 = 12_000;
const PORTS_OF_A_TEST: u32 = 60;

/// A running program whose output goes to a file; killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts it; its output is appended to `<folder>/<name>.log`.
    pub fn start(name: &str, mut command: Command, folder: &Path) -> Self {
        let log = open_log(&log_path(folder, name));
        let errors = log.try_clone().expect("a second handle of the log");
        let child = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("starting {name}: {error}"));
        Self { name: name.to_owned(), child }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.child.kill().unwrap_or_else(|error| panic!("kill -9 {}: {error}", self.name));
        self.child.wait().unwrap_or_else(|error| panic!("waiting for {}: {error}", self.name));
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &id]).status().expect("run kill");
        assert!(status.success(), "kill -s {signal} {}", self.name);
    }

    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of a child")
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let name = self.name.clone();
        within(limit, &format!("{name} ends"), || {
            let status = self.exit_status();
            async move { status }
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Dropping must not panic: the process may be gone.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn log_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

fn open_log(path: &Path) -> File {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.unwrap_or_else(|error| panic!("opening {}: {error}", path.display()))
}

/// A port that was free a moment ago, below those that the kernel gives to outgoing connections: none
/// of these takes it before it is used. No port is given twice, and tests that run side by side are
/// given others.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let block = std::process::id() % (PORTS / PORTS_OF_A_TEST) * PORTS_OF_A_TEST;
    let next = || 20_000 + (block + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
    let fits = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let ports = std::iter::repeat_with(next).filter_map(|port| u16::try_from(port).ok());
    ports.into_iter().find(fits).expect("a free port")
}
