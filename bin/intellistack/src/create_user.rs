use std::io::{IsTerminal, Read};
use std::sync::Arc;

use anyhow::{Context, bail};
use kernel::{Entropy, OsEntropy, Role, SystemClock};
use secrecy::SecretString;

use crate::cli::{AdminCommand, CreateUserArgs};
use crate::config::Config;
use crate::secret;
use crate::services::ServiceName;

/// Characters of a made-up password: 119 bits, and four to satisfy the policy.
const MADE_UP: usize = 20;

/// Creates an account. The password comes from standard input, so that it stands in no process
/// list and no shell history.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub async fn run(config: &Config, args: CreateUserArgs) -> anyhow::Result<()> {
    let Some(password) = read_password()? else {
        bail!("the password is read from standard input, and it was empty");
    };
    let (email, role) = (args.email.clone(), args.role);
    let user = identity::NewUser {
        email: args.email,
        name: args.name,
        role,
        password: SecretString::from(password),
        verified: args.verified,
    };
    let (id, created) = identity::create_user(operator(config).await?, user).await?;
    if created {
        println!("created {email} ({role}) as {id}");
    } else {
        println!("{email} exists already as {id}: nothing was changed");
    }
    Ok(())
}

/// Makes an administrator, the first one as any other.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub async fn admin(config: &Config, command: AdminCommand) -> anyhow::Result<()> {
    let AdminCommand::Create(args) = command;
    let email = args.email;
    match identity::make_admin(operator(config).await?, &email).await {
        Ok((id, true)) => {
            println!("{email} ({id}) is an administrator now and must sign in again");
            return Ok(());
        }
        Ok((id, false)) => {
            println!("{email} ({id}) is an administrator already: nothing was changed");
            return Ok(());
        }
        Err(error) if error.reason == "USER_NOT_FOUND" => {}
        Err(error) => return Err(error.into()),
    }
    let given = if std::io::stdin().is_terminal() { None } else { read_password()? };
    let made_up = given.is_none();
    let password = given.unwrap_or_else(|| format!("{}-aA1", OsEntropy.alphanumeric(MADE_UP)));
    let user = identity::NewUser {
        email: email.clone(),
        name: args.name,
        role: Role::Admin,
        password: SecretString::from(password.as_str()),
        verified: true,
    };
    let (id, created) = identity::create_user(operator(config).await?, user).await?;
    if !created {
        bail!("{email} has just signed up: try again");
    }
    println!("created the administrator {email} as {id}");
    if made_up {
        println!("password: {password}");
    }
    Ok(())
}

async fn operator(config: &Config) -> anyhow::Result<identity::Operator> {
    secret::claim(config, ServiceName::Identity).await?;
    let (schema, _) = ServiceName::Identity.schema().context("identity has a schema")?;
    Ok(identity::Operator {
        pool: runtime::pool(config.database_url()?, schema, 2)?,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        auth_secret: config.auth_secret()?,
    })
}

fn read_password() -> anyhow::Result<Option<String>> {
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).context("reading the password from standard input")?;
    let password = password.trim_end_matches(['\r', '\n']);
    Ok((!password.is_empty()).then(|| password.to_owned()))
}
