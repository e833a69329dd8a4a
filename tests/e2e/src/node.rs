use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::settings::root;

/// Runs a script of `node/` with variables, for at most `limit`; panics with its output when it
/// fails. Answers its standard output.
pub async fn run_node(script: &str, variables: &[(&str, &str)], log: &Path, limit: Duration) -> String {
    let run = Command::new("node")
        .arg(script)
        .envs(variables.iter().copied())
        .current_dir(root().join("tests/e2e/node"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(limit, run)
        .await
        .unwrap_or_else(|_| panic!("{script} took longer than {limit:?}"));
    let output = output.expect("run node: ./dev test installs it");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    std::fs::write(log, format!("{said}\n{errors}")).expect("keep the script's log");
    assert!(output.status.success(), "{script} failed ({}):\n{said}\n{errors}", output.status);
    said
}
