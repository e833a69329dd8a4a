use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::process::free_port;
use crate::settings::root;
use crate::wait::{eventually, within};

/// A mail as the server got it.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl Mail {
    /// The first address in the text.
    pub fn link(&self) -> String {
        let start = self.text.find("http").expect("a link in the mail");
        let rest = &self.text[start..];
        rest.split(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>'))
            .next()
            .unwrap_or_default()
            .to_owned()
    }
}

/// A real mail server that keeps what it gets: npm's `smtp-server`.
#[derive(Debug)]
pub struct MailCatcher {
    child: std::process::Child,
    port: u16,
    http_port: u16,
    mails: Arc<Mutex<Vec<Mail>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl MailCatcher {
    pub async fn start(folder: &Path) -> Self {
        let (port, http_port) = (free_port(), free_port());
        let log = std::fs::File::create(folder.join("mail.log")).expect("a log of the mail server");
        let mut child = Command::new("node")
            .args(["mail.mjs", &port.to_string(), &http_port.to_string()])
            .current_dir(root().join("tests/e2e/node"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("start node: ./dev test installs it");
        let output = child.stdout.take().expect("a pipe");
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&mails);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(mail) = serde_json::from_str::<Value>(&line) else { continue };
                let text = |key: &str| mail[key].as_str().unwrap_or_default().to_owned();
                let mail = Mail { to: text("to"), subject: text("subject"), text: text("text") };
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
            }
        });
        let mut catcher = Self { child, port, http_port, mails, reader: Some(reader) };
        eventually("the mail server answers", || {
            let ended = catcher.child.try_wait().expect("the state of a child");
            assert!(
                ended.is_none(),
                "the mail server ended: is tests/e2e/node installed? ./dev test does it"
            );
            async move { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok() }
        })
        .await;
        catcher
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Answers the mails so far to whoever asks for them over HTTP: `GET /?to=<address>`.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    /// Every mail to an address so far.
    pub fn to(&self, address: &str) -> Vec<Mail> {
        let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.iter().filter(|mail| mail.to == address).cloned().collect()
    }

    /// Waits for the first mail to an address.
    pub async fn first_to(&self, address: &str) -> Mail {
        within(Duration::from_mins(1), &format!("a mail to {address}"), || async {
            self.to(address).into_iter().next()
        })
        .await
    }
}

impl Drop for MailCatcher {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}
