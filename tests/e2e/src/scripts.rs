use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::settings::{root, variable};

/// Runs a script of `node/` with variables, for at most `limit`; panics with its output when it
/// fails. Answers its standard output.
pub async fn run_node(script: &str, variables: &[(&str, &str)], log: &Path, limit: Duration) -> String {
    let mut command = Command::new("node");
    command.arg(script).envs(variables.iter().copied()).current_dir(root().join("tests/e2e/node"));
    run(command, script, log, limit).await
}

/// As [`run_node`], a script of `python/`, which may import what the examples of the documentation may.
pub async fn run_python(script: &str, variables: &[(&str, &str)], log: &Path, limit: Duration) -> String {
    let packages = variable("E2E_PYTHON_PACKAGES").expect("E2E_PYTHON_PACKAGES is not set: run ./dev test");
    let examples = root().join("docs/examples");
    let path = format!("{packages}:{}", examples.display());
    let mut command = Command::new("python3");
    command.arg(script).envs(variables.iter().copied()).current_dir(root().join("tests/e2e/python"));
    // Nothing is written beside the sources.
    command.env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1").env("EXAMPLES", examples);
    run(command, script, log, limit).await
}

async fn run(mut command: Command, script: &str, log: &Path, limit: Duration) -> String {
    let output = tokio::time::timeout(limit, command.stdin(Stdio::null()).kill_on_drop(true).output())
        .await
        .unwrap_or_else(|_| panic!("{script} took longer than {limit:?}"));
    let output = output.unwrap_or_else(|error| panic!("run {script} ({error}): ./dev test installs it"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    std::fs::write(log, format!("{said}\n{errors}")).expect("keep the script's log");
    assert!(output.status.success(), "{script} failed ({}):\n{said}\n{errors}", output.status);
    said
}
