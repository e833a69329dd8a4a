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

use std::sync::Arc;

use api::identity::identity_server::IdentityServer;
use eventstore::effects::{Effect, EffectWorker};
use eventstore::{Publisher, Store};
use kernel::Error;
use projection::EventLogServer;
use runtime::{Deps, Service};
use secrecy::SecretString;
use tonic::service::Routes;
use url::Url;

pub use commands::{NewUser, create_user};
pub use hasher::HashingOptions;
pub use mail::{MailOptions, MailTransport};

/// Name of the service.
pub const NAME: &str = "identity";
/// Name of its schema and of its store.
pub const SCHEMA: &str = "identity";

/// Tables `users`, `credentials` and `sign_in_guards`; versions from 1001.
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
}

/// Wires the service; nothing runs yet.
///
/// # Errors
/// `INVALID_OPTIONS`, saying which.
pub fn build(options: Options, deps: Deps) -> Result<Service, Error> {
    let store = Store::new(deps.pool.clone(), SCHEMA);
    let secrets = secrets::Secrets::new(&options.auth_secret)?;
    let endpoint = verification_endpoint(&options.public_url)?;
    let mailer = mail::mailer(&options.mail)?;
    let mail = mail::VerifyEmailMail::new(mailer, secrets.clone(), Arc::clone(&deps.clock), endpoint);
    let mail: Arc<dyn Effect> = Arc::new(mail);
    let cx = commands::Cx {
        store: store.clone(),
        clock: Arc::clone(&deps.clock),
        entropy: Arc::clone(&deps.entropy),
        hasher: hasher::Hasher::new(options.hashing)?,
        secrets,
    };
    let publisher =
        Publisher::new(store.clone(), deps.nats.clone(), &deps.namespace, Arc::clone(&deps.clock));
    let status = publisher.status();
    deps.health.register_status("identity/publisher", move || status.ready());
    deps.health.register_pool("identity/postgres", deps.pool);
    deps.health.register_bus("identity/nats", deps.nats);

    let routes = Routes::new(IdentityServer::new(grpc::Grpc(cx)))
        .add_service(EventLogServer::new(store.clone()).into_service());
    Ok(Service::new(NAME)
        .grpc(routes)
        .task("publisher", move |shutdown| publisher.clone().run(shutdown))
        .task("effects", move |shutdown| {
            EffectWorker::new(store.clone(), vec![Arc::clone(&mail)], Arc::clone(&deps.clock)).run(shutdown)
        }))
}

fn verification_endpoint(public_url: &Url) -> Result<Url, Error> {
    let base = public_url.as_str().trim_end_matches('/');
    format!("{base}/api/auth/verify-email")
        .parse()
        .ok()
        .filter(|url: &Url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| error::invalid_options(format!("PUBLIC_URL {base:?} is no http or https URL")))
}
