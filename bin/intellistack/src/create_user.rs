use std::io::Read;
use std::sync::Arc;

use anyhow::{Context, bail};
use kernel::{OsEntropy, SystemClock};
use secrecy::SecretString;

use crate::cli::CreateUserArgs;
use crate::config::Config;
use crate::services::ServiceName;

/// Creates an account. The password comes from standard input, so that it stands in no process
/// list and no shell history.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub async fn run(config: &Config, args: CreateUserArgs) -> anyhow::Result<()> {
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).context("reading the password from standard input")?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("the password is read from standard input, and it was empty");
    }
    let (schema, _) = ServiceName::Identity.schema().context("identity has a schema")?;
    let pool = runtime::pool(config.database_url()?, schema, 2)?;
    let user = identity::NewUser {
        email: args.email.clone(),
        name: args.name,
        role: args.role,
        password: SecretString::from(password),
        verified: args.verified,
    };
    let (id, created) = identity::create_user(pool, Arc::new(SystemClock), Arc::new(OsEntropy), user).await?;
    if created {
        println!("created {} ({}) as {id}", args.email, args.role);
    } else {
        println!("{} exists already as {id}: nothing was changed", args.email);
    }
    Ok(())
}
