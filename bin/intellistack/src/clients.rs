use std::sync::Arc;

use anyhow::Context;
use kernel::{OsEntropy, SystemClock};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use session::{ClientRegistry, RegisteredClient};

use crate::cli::{ClientArgs, ClientsCommand};
use crate::config::Config;
use crate::secret;
use crate::services::ServiceName;

/// Manages the applications of the OpenID provider, on the database directly.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub async fn run(config: &Config, command: ClientsCommand) -> anyhow::Result<()> {
    secret::claim(config, ServiceName::Session).await?;
    let (schema, _) = ServiceName::Session.schema().context("session has a schema")?;
    let pool = runtime::pool(config.database_url()?, schema, 2)?;
    let registry = ClientRegistry::new(pool, Arc::new(SystemClock), Arc::new(OsEntropy));
    match command {
        ClientsCommand::Create(args) => show(&registry.create(&metadata(args)?).await?)?,
        ClientsCommand::Update { client_id, args } => {
            show(&registry.update(&client_id, &metadata(args)?).await?)?;
        }
        ClientsCommand::Show { client_id } => show(&registry.find(&client_id).await?)?,
        ClientsCommand::RotateSecret { client_id } => show(&registry.rotate_secret(&client_id).await?)?,
        ClientsCommand::Remove { client_id } => registry.remove(&client_id).await?,
        ClientsCommand::List => {
            for client in registry.list().await? {
                let name = client.metadata.get("client_name").and_then(Value::as_str).unwrap_or_default();
                println!("{}  {name}", client.client_id);
            }
        }
    }
    Ok(())
}

/// As RFC 7591, section 3.2.1, answers a registration.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn show(client: &RegisteredClient) -> anyhow::Result<()> {
    let mut told = json!({ "client_id": client.client_id });
    if let Some(secret) = &client.secret {
        told["client_secret"] = json!(secret.expose_secret());
    }
    if let (Value::Object(told), Value::Object(metadata)) = (&mut told, &client.metadata) {
        told.extend(metadata.clone());
    }
    println!("{}", serde_json::to_string_pretty(&told)?);
    Ok(())
}

/// The flags, over the JSON that is given.
fn metadata(args: ClientArgs) -> anyhow::Result<String> {
    let given = args.metadata.as_deref().unwrap_or("{}");
    let mut members: Map<String, Value> =
        serde_json::from_str(given).context("--metadata is no JSON object")?;
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    let list = |values: Vec<String>| (!values.is_empty()).then(|| json!(values));
    set("client_name", args.name.map(Value::from));
    set("redirect_uris", list(args.redirect_uri));
    set("post_logout_redirect_uris", list(args.post_logout_redirect_uri));
    set("grant_types", list(args.grant_type));
    set("scope", args.scope.map(Value::from));
    set("backchannel_logout_uri", args.backchannel_logout_uri.map(Value::from));
    set("token_endpoint_auth_method", args.public.then(|| json!("none")));
    set("application_type", args.native.then(|| json!("native")));
    set("skip_consent", args.first_party.then(|| json!(true)));
    Ok(Value::Object(members).to_string())
}
