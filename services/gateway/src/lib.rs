//! The door: HTTP for browsers and clients, gRPC to the services behind it. Holds nothing
//! durable.
//!
//! - `/api/auth/*` speaks Better-Auth's wire contract ([`better_auth`]),
//! - `/api/v1/chatkit` speaks the ChatKit protocol, answers streamed as SSE ([`chatkit`]),
//! - `/api/v1/*` is the REST interface of the web app and of administrators ([`rest`]),
//! - everything else is the web app, embedded in the binary ([`web_app`]).
//!
//! [`build`] wires, `runtime::serve` runs.

mod better_auth;
mod body;
mod caller;
mod chatkit;
mod client_ip;
mod dev_mail;
mod error;
mod key_set;
mod keys;
mod limits;
mod live_sessions;
mod middleware;
mod oidc;
mod origin;
mod rest;
mod revocation;
mod router;
mod server;
mod state;
mod web_app;

use std::path::PathBuf;

use kernel::Error;
use runtime::{Deps, Service};
use secrecy::SecretString;
use url::Url;

pub use crate::client_ip::TrustedProxies;
pub use crate::limits::AuthLimits;
pub use crate::oidc::RegistrationPolicy;
pub use crate::state::origin_of;

use crate::state::{App, Settings};

pub const NAME: &str = "gateway";

/// What the gateway must be told.
#[derive(Debug)]
pub struct Options {
    /// Already bound, so that a taken port is known before anything starts.
    pub listener: std::net::TcpListener,
    /// Origin under which browsers reach us; decides cookie names, links and the issuer.
    pub public_url: Url,
    /// Further origins whose pages may call us with cookies.
    pub trusted_origins: Vec<String>,
    /// At least 32 bytes; signs the session cookie.
    pub auth_secret: SecretString,
    /// Folder of the development mailer, shown at `/dev/mail`.
    pub mail_dir: Option<PathBuf>,
    /// Networks or addresses of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    pub limits: AuthLimits,
    /// How long the browser keeps the cookie of a session that is not used.
    pub session_days: u32,
    /// Who may register applications by themselves.
    pub registration: RegistrationPolicy,
}

/// Wires the gateway. Starts nothing.
///
/// # Errors
/// `InvalidArgument` when the options cannot be used.
pub fn build(options: Options, deps: &Deps) -> Result<Service, Error> {
    let listener = options.listener;
    listener
        .set_nonblocking(true)
        .map_err(|_| Error::invalid("INVALID_LISTENER", "the HTTP listener cannot be made non-blocking"))?;
    let settings = Settings {
        public_url: options.public_url,
        trusted_origins: options.trusted_origins,
        auth_secret: options.auth_secret,
        mail_dir: options.mail_dir,
        proxies: options.trusted_proxies,
        limits: options.limits,
        session_days: options.session_days,
        registration: options.registration,
    };
    let app = App::new(settings, deps)?;
    let router = router::router(app.clone(), deps.health.clone());
    let listener = server::Listener::new(listener);
    let [users, sessions] = app.revocation.tails();
    Ok(Service::new(NAME)
        .task("ended epochs", move |shutdown| users.clone().run(shutdown))
        .task("ended sessions", move |shutdown| sessions.clone().run(shutdown))
        .task("http", move |shutdown| server::run(listener.clone(), router.clone(), app.clone(), shutdown)))
}
