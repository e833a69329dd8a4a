use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::settings::{Settings, root, screenshots};

/// Longer than the script waits for anything in the page.
const PATIENCE: Duration = Duration::from_secs(90);

/// The web app in a real Chromium, driven by `node/browser.mjs`.
#[derive(Debug)]
pub struct Browser {
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _node: Child,
}

impl Browser {
    pub fn open(settings: &Settings, origin: &str, folder: &Path) -> Self {
        let log = std::fs::File::create(folder.join("browser.log")).expect("a log of the browser");
        let mut node = Command::new("node")
            .arg("browser.mjs")
            .env("BASE_URL", origin)
            .env("CHROMIUM", &settings.chromium)
            .env("SCREENSHOTS", screenshots())
            .current_dir(root().join("tests/e2e/node"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("start node: ./dev test installs it");
        let commands = node.stdin.take().expect("a pipe");
        let answers = BufReader::new(node.stdout.take().expect("a pipe")).lines();
        Self { commands, answers, _node: node }
    }

    /// Does one thing in the page and answers what was seen. Panics when the page did not get there.
    pub async fn step(&mut self, name: &str, parameters: Value) -> Value {
        let mut command = parameters;
        command["do"] = json!(name);
        let line = format!("{command}\n");
        self.commands.write_all(line.as_bytes()).await.expect("the browser's script listens");
        let answer = tokio::time::timeout(PATIENCE, self.answers.next_line()).await;
        let answer = answer.unwrap_or_else(|_| panic!("{name} took longer than {PATIENCE:?}"));
        let line =
            answer.expect("the script's answer").unwrap_or_else(|| panic!("the script ended at {name}"));
        let answer: Value = serde_json::from_str(&line).expect("a line of JSON");
        assert!(answer.get("failed").is_none(), "{}", answer["failed"].as_str().unwrap_or_default());
        answer["ok"].clone()
    }
}
