//! Who is this, and may they sign in: accounts, passwords, lockout, proof of an e-mail address.
//!
//! [`build`] is synchronous and starts nothing, but wants to be called within a Tokio runtime (the
//! SMTP connection pool looks after itself).

mod commands;
mod domain;
mod error;
mod grpc;
mod hasher;
mod mail;
mod postgres;
mod secrets;
mod social;

use std::sync::Arc;

use api::identity::identity_admin_server::IdentityAdminServer;
use api::identity::identity_server::IdentityServer;
use api::identity::social_server::SocialServer;
use eventstore::effects::{Effect, EffectWorker};
use eventstore::sealing::Vault;
use eventstore::{Publisher, Store};
use kernel::Error;
use projection::EventLogServer;
use runtime::{Deps, Service};
use secrecy::SecretString;
use tonic::service::Routes;
use url::Url;

pub use commands::{NewUser, Operator, create_user, make_admin};
pub use hasher::HashingOptions;
pub use mail::{MailOptions, MailTransport};
pub use social::{ProviderKind, ProviderOptions, SocialOptions};

/// Name of the service.
pub const NAME: &str = "identity";
/// Name of its schema and of its store.
pub const SCHEMA: &str = "identity";

/// Tables `users`, `credentials`, `linked_accounts`, `mailed_tokens`, `sign_in_guards` and
/// `erased_users`; versions from 1001.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/identity") };

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// AUTH_SECRET, at least 32 bytes: signs mailed links and keys the hashes of addresses.
    pub auth_secret: SecretString,
    /// PUBLIC_URL: where mailed links lead.
    pub public_url: Url,
    pub mail: MailOptions,
    pub hashing: HashingOptions,
    pub social: SocialOptions,
}

/// Wires the service; nothing runs yet.
///
/// # Errors
/// `INVALID_OPTIONS`, saying which.
pub fn build(options: Options, deps: Deps) -> Result<Service, Error> {
    let store = Store::new(deps.pool.clone(), SCHEMA);
    let secrets = secrets::Secrets::new(&options.auth_secret)?;
    let vault = Vault::new(&options.auth_secret, NAME, Arc::clone(&deps.entropy))
        .map_err(|unusable| error::invalid_options(unusable.to_string()))?;
    let site = mail::Site::new(&options.public_url)?;
    let mailer = mail::mailer(&options.mail)?;
    let cx = commands::Cx {
        store: store.clone(),
        clock: Arc::clone(&deps.clock),
        entropy: Arc::clone(&deps.entropy),
        hasher: hasher::Hasher::new(options.hashing)?,
        secrets,
        vault: vault.clone(),
    };
    let providers = social::Providers::new(options.social, &site, &deps.clock)?;
    let social = commands::social::SocialCx { cx: cx.clone(), providers };
    let context = Arc::new(mail::AccountMails { cx: cx.clone(), site: site.clone() });
    let mail: Arc<dyn Effect> = Arc::new(mail::MailEffect::new(mailer, context, site));
    let publisher =
        Publisher::new(store.clone(), deps.nats.clone(), &deps.namespace, Arc::clone(&deps.clock));
    let status = publisher.status();
    deps.health.register_status("identity/publisher", move || status.ready());
    deps.health.register_pool("identity/postgres", deps.pool);
    deps.health.register_bus("identity/nats", deps.nats);

    let hasher = cx.hasher.clone();
    let routes = Routes::new(IdentityServer::new(grpc::IdentityGrpc(cx.clone())))
        .add_service(SocialServer::new(grpc::SocialGrpc(social)))
        .add_service(IdentityAdminServer::new(grpc::AdminGrpc(cx)))
        .add_service(EventLogServer::new(store.clone()).vault(vault).into_service());
    Ok(Service::new(NAME)
        .grpc(routes)
        .task("publisher", move |shutdown| publisher.clone().run(shutdown))
        .task("hash memory", move |shutdown| hasher.clone().tend(shutdown))
        .task("effects", move |shutdown| {
            EffectWorker::new(store.clone(), vec![Arc::clone(&mail)], Arc::clone(&deps.clock)).run(shutdown)
        }))
}
