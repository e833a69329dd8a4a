use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Connections of one service to its own schema, under its own role. Opened when first needed,
/// so that a process starts while Postgres is away.
///
/// The role is taken on at connect (`SET ROLE`), so that one login can serve a laptop while no
/// service can read another's tables. The time-outs keep a stuck transaction from holding back
/// the sequencer's frontier.
///
/// # Errors
/// When `url` is no Postgres URL.
pub fn pool(url: &SecretString, schema: &str, max_connections: u32) -> Result<PgPool, sqlx::Error> {
    let options = PgConnectOptions::from_str(url.expose_secret())?
        .application_name(&format!("intellistack-{schema}"))
        .options([
            ("role", format!("intellistack_{schema}").as_str()),
            ("search_path", schema),
            ("statement_timeout", "15s"),
            ("lock_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "15s"),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options))
}

/// A client of the bus that keeps trying: a process starts while NATS is away, and comes back by
/// itself when NATS does.
///
/// # Errors
/// When `url` is no NATS URL.
pub async fn bus(url: &SecretString, name: &str) -> Result<async_nats::Client, async_nats::ConnectError> {
    async_nats::ConnectOptions::new()
        .name(name)
        .retry_on_initial_connect()
        .connection_timeout(Duration::from_secs(3))
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(|attempts| Duration::from_millis((50 * attempts as u64).min(2_000)))
        .connect(url.expose_secret())
        .await
}
