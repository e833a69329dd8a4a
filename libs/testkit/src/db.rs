use std::sync::atomic::{AtomicU32, Ordering};

use secrecy::SecretString;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database of its own, dropped when the value is. Set `TEST_DATABASE_URL` to a superuser URL
/// of a throw-away cluster; `./dev test` does.
#[derive(Debug)]
pub struct TestDb {
    admin: PgConnectOptions,
    name: String,
    url: String,
}

/// Creates a database with one schema and role per entry, each migrated by its migrators in turn.
pub async fn database(schemas: &[(&'static str, &[&Migrator])]) -> TestDb {
    let base = std::env::var("TEST_DATABASE_URL")
        .expect("TEST_DATABASE_URL is not set: run the tests with ./dev test");
    let name = format!("t_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let admin: PgConnectOptions = base.parse().expect("TEST_DATABASE_URL is no Postgres URL");
    let mut connection = PgConnection::connect_with(&admin).await.expect("connect to the test cluster");
    for statement in
        [format!("drop database if exists {name} with (force)"), format!("create database {name}")]
    {
        connection.execute(AssertSqlSafe(statement)).await.expect("create a test database");
    }
    let (prefix, _) = base.rsplit_once('/').expect("a database name in TEST_DATABASE_URL");
    let db = TestDb { admin, url: format!("{prefix}/{name}"), name };
    for (schema, migrators) in schemas {
        db.migrate(schema, migrators).await;
    }
    db
}

impl TestDb {
    /// Superuser URL of this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections as the service of `schema` has them.
    pub fn pool(&self, schema: &str) -> PgPool {
        runtime::pool(&SecretString::from(self.url.clone()), schema, 10).expect("a pool of the test database")
    }

    /// Connections as the superuser, for looking from outside.
    pub fn superuser(&self) -> PgPool {
        PgPoolOptions::new().max_connections(4).connect_lazy_with(self.options())
    }

    fn options(&self) -> PgConnectOptions {
        self.admin.clone().database(&self.name)
    }

    async fn migrate(&self, schema: &str, migrators: &[&Migrator]) {
        let mut connection = PgConnection::connect_with(&self.options()).await.expect("connect");
        runtime::migrate::migrate_schema(&mut connection, schema, migrators)
            .await
            .expect("migrate the test database");
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), std::mem::take(&mut self.name));
        // Drop runs outside of any runtime's reach: a thread of its own does the last query.
        let cleanup = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                // Postgres waits for every backend to notice, also for one whose client, a pool of the
                // runtime that stands still while this runs, has yet to authenticate. Meanwhile the
                // transaction of the drop would hold up every sequencer of the cluster (ADR 3).
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
