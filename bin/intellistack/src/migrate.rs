use anyhow::Context;
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};

use crate::config::Config;
use crate::services::ServiceName;

/// Brings every service's schema up to date. Safe to run again, and from several places at once.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub async fn run(config: &Config) -> anyhow::Result<()> {
    let mut connection = connect(config).await?;
    for service in ServiceName::ALL {
        let Some((schema, migrators)) = service.schema() else { continue };
        runtime::migrate::migrate_schema(&mut connection, schema, &migrators)
            .await
            .with_context(|| format!("migrating {schema}"))?;
        println!("{schema}: up to date");
    }
    connection.close().await?;
    Ok(())
}

pub async fn connect(config: &Config) -> anyhow::Result<PgConnection> {
    PgConnection::connect(config.database_url()?.expose_secret()).await.context("connecting to Postgres")
}
