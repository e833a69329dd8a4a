use std::path::{Path, PathBuf};
use std::process::Command;

/// What `./dev test` tells the tests, with the defaults of a machine where everything is installed.
#[derive(Debug, Clone)]
pub struct Settings {
    pub binary: PathBuf,
    pub nats_server: PathBuf,
    /// Superuser URL of a throw-away cluster.
    pub cluster_url: String,
    pub postgres_bin: PathBuf,
    pub chromium: PathBuf,
}

impl Settings {
    pub fn load() -> Self {
        let binary = path("INTELLISTACK_BIN").unwrap_or_else(|| target().join("debug/intellistack"));
        assert!(binary.is_file(), "{} is not there: run ./dev test", binary.display());
        Self {
            binary,
            nats_server: path("NATS_SERVER_BIN").unwrap_or_else(|| PathBuf::from("nats-server")),
            cluster_url: variable("TEST_DATABASE_URL").expect("TEST_DATABASE_URL is not set: run ./dev test"),
            postgres_bin: path("PG_BIN_DIR").unwrap_or_else(postgres_bin),
            chromium: path("CHROMIUM_BIN").unwrap_or_else(|| PathBuf::from("chromium")),
        }
    }
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the workspace's folder")
}

/// Where builds, logs and screenshots go.
pub fn target() -> PathBuf {
    path("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

pub fn screenshots() -> PathBuf {
    target().join("e2e-screenshots")
}

pub fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests take their settings from the environment")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn path(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from)
}

fn postgres_bin() -> PathBuf {
    let output = Command::new("pg_config").arg("--bindir").output();
    if let Some(output) = output.ok().filter(|output| output.status.success()) {
        let dir = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        if dir.join("initdb").is_file() {
            return dir;
        }
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest =
        versions.map(|entry| entry.path().join("bin")).filter(|dir| dir.join("initdb").is_file()).max();
    newest.expect("initdb is not found: set PG_BIN_DIR, ./dev test does")
}
