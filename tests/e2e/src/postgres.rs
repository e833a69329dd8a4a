use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use crate::process::{Process, free_port};
use crate::settings::Settings;
use crate::wait::within;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database for one test: in the cluster all tests share, or in a cluster of its own, which may
/// then be killed.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Shared { admin: Box<PgConnectOptions>, name: String },
    Own(Box<Cluster>),
}

#[derive(Debug)]
struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    data: tempfile::TempDir,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// A fresh database in the cluster of `TEST_DATABASE_URL`, dropped at the end.
    pub async fn shared(settings: &Settings) -> Self {
        let base = &settings.cluster_url;
        let admin: PgConnectOptions = base.parse().expect("TEST_DATABASE_URL is no Postgres URL");
        let name = format!("e2e_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect_with(&admin).await.expect("connect to the test cluster");
        for statement in
            [format!("drop database if exists {name} with (force)"), format!("create database {name}")]
        {
            connection.execute(AssertSqlSafe(statement)).await.expect("create a test database");
        }
        let (prefix, _) = base.rsplit_once('/').expect("a database name in TEST_DATABASE_URL");
        Self { url: format!("{prefix}/{name}"), place: Place::Shared { admin: Box::new(admin), name } }
    }

    /// A cluster that this test alone uses. Safe against `kill -9` of its processes, not against
    /// a power cut: `fsync` is off.
    pub async fn own(settings: &Settings, folder: &Path) -> Self {
        let mut cluster = Cluster::init(settings, folder);
        cluster.start().await;
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.port);
        Self { url, place: Place::Own(Box::new(cluster)) }
    }

    /// Superuser URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the files are. Only for a cluster of its own.
    pub fn data_folder(&self) -> PathBuf {
        match &self.place {
            Place::Own(cluster) => cluster.data.path().join("data"),
            Place::Shared { .. } => panic!("the shared cluster holds other tests' data, too"),
        }
    }

    /// Connections for looking from outside.
    pub fn pool(&self) -> PgPool {
        let options: PgConnectOptions = self.url.parse().expect("a Postgres URL");
        PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(10))
            .connect_lazy_with(options)
    }

    /// `kill -9` of the postmaster. Only for a cluster of its own.
    pub fn kill(&mut self) {
        self.cluster().process = None;
    }

    /// An orderly stop that does not wait for clients (SIGINT). Only for a cluster of its own.
    pub async fn stop(&mut self) {
        let mut process = self.cluster().process.take().expect("a running cluster");
        process.signal("INT");
        process.ended(Duration::from_secs(20)).await;
    }

    pub async fn restart(&mut self) {
        self.cluster().start().await;
    }

    fn cluster(&mut self) -> &mut Cluster {
        match &mut self.place {
            Place::Own(cluster) => cluster,
            Place::Shared { .. } => panic!("the shared cluster serves other tests, too"),
        }
    }
}

impl Cluster {
    fn init(settings: &Settings, folder: &Path) -> Self {
        let data =
            tempfile::Builder::new().prefix("intellistack-e2e-pg.").tempdir().expect("a temporary directory");
        if let Some((user, group)) = unprivileged() {
            std::os::unix::fs::chown(data.path(), Some(user), Some(group)).expect("hand the directory over");
        }
        let cluster = Self {
            bin: settings.postgres_bin.clone(),
            folder: folder.to_owned(),
            data,
            port: free_port(),
            process: None,
        };
        let output = cluster
            .command("initdb")
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .output()
            .expect("run initdb");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        cluster
    }

    /// Backends of a killed postmaster live on for a moment and hold its memory: tried until they
    /// are gone.
    async fn start(&mut self) {
        let address = ("127.0.0.1", self.port);
        let url: PgConnectOptions =
            format!("postgres://postgres@127.0.0.1:{}/postgres", self.port).parse().expect("a URL");
        self.process = None;
        let deadline = Duration::from_mins(1);
        let this = std::cell::RefCell::new(self);
        within(deadline, "Postgres answers", || async {
            {
                let mut cluster = this.borrow_mut();
                if cluster.process.as_mut().is_none_or(|process| process.exit_status().is_some()) {
                    cluster.spawn();
                }
            }
            tokio::net::TcpStream::connect(address).await.ok()?;
            let mut connection = PgConnection::connect_with(&url).await.ok()?;
            connection.ping().await.ok()
        })
        .await;
    }

    fn spawn(&mut self) {
        let mut command = self.command("postgres");
        command.args(["-p", &self.port.to_string()]);
        for option in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "fsync=off",
            "timezone=UTC",
            // What is no longer needed of the log is deleted, not kept for later use.
            "wal_recycle=off",
        ] {
            command.args(["-c", option]);
        }
        self.process = Some(Process::start("postgres", command, &self.folder));
    }

    /// A program of Postgres on our directory. Postgres refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match unprivileged() {
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args([
                    &format!("--reuid={user}"),
                    &format!("--regid={group}"),
                    "--clear-groups",
                    "--",
                ]);
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("-D").arg(self.data.path().join("data")).current_dir(self.data.path());
        command
    }
}

/// User and group to run Postgres as: `postgres` or `nobody` when we are root.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().expect("run id");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok())?
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let owner =
        ["postgres", "nobody"].into_iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)));
    Some(owner.expect("a user to run Postgres as"))
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Place::Shared { admin, name } = &self.place else { return };
        let (admin, name) = (admin.clone(), name.clone());
        // Drop runs outside of any runtime's reach: a thread of its own does the last query.
        let cleanup = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                // Not for ever: while it waits for a backend, no log of the cluster goes on (ADR 3).
                let admin = admin.options([("statement_timeout", "2s")]);
                if let Ok(mut connection) = PgConnection::connect_with(&admin).await {
                    let drop = format!("drop database if exists {name} with (force)");
                    if let Err(error) = connection.execute(AssertSqlSafe(drop)).await {
                        println!("the test database {name} was left behind: {error}");
                    }
                }
            });
        });
        if cleanup.join().is_err() {
            println!("dropping a test database failed");
        }
    }
}
