use std::sync::Arc;

use anyhow::Context;
use kernel::{OsEntropy, SystemClock, rfc3339_millis};
use session::{KeyChest, Rotation};

use crate::cli::{KeysCommand, RotateArgs};
use crate::config::Config;
use crate::secret;
use crate::services::ServiceName;

/// Turns and shows the signing keys, on the database directly.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub async fn run(config: &Config, command: KeysCommand) -> anyhow::Result<()> {
    secret::claim(config, ServiceName::Session).await?;
    let (schema, _) = ServiceName::Session.schema().context("session has a schema")?;
    let pool = runtime::pool(config.database_url()?, schema, 4)?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let chest = KeyChest::new(pool, clock, entropy, &config.auth_secret()?, config.lifetimes())?;
    if let KeysCommand::Rotate(args) = command {
        chest.rotate(rotation(&args)).await?;
    }
    println!("{:<43}  {:<24}  {:<24}  verifies until", "kid", "created", "signs from");
    for key in chest.list().await? {
        let (created, from) = (rfc3339_millis(key.created_at), rfc3339_millis(key.signs_from));
        let until = key.verifies_until.map_or_else(|| "-".to_owned(), rfc3339_millis);
        let signs = if key.signs_now { "  signs now" } else { "" };
        println!("{:<43}  {created}  {from}  {until}{signs}", key.kid);
    }
    Ok(())
}

fn rotation(args: &RotateArgs) -> Rotation {
    match (args.now, args.revoke) {
        (true, true) => Rotation::NowRevoking,
        (true, false) => Rotation::Now,
        (false, _) => Rotation::Announced,
    }
}
