use std::path::PathBuf;
use std::sync::Arc;

use api::chat_thread::chat_threads_client::ChatThreadsClient;
use api::curriculum::curriculum_client::CurriculumClient;
use api::identity::identity_admin_client::IdentityAdminClient;
use api::identity::identity_client::IdentityClient;
use api::identity::social_client::SocialClient;
use api::rate_limit::rate_limit_client::RateLimitClient;
use api::rate_limit::throttles_client::ThrottlesClient;
use api::session::o_auth_clients_client::OAuthClientsClient;
use api::session::open_id_provider_client::OpenIdProviderClient;
use api::session::sessions_client::SessionsClient;
use api::tutor_agent::tutor_agent_client::TutorAgentClient;
use api::usage_metrics::usage_metrics_client::UsageMetricsClient;
use auth::{JwksCache, Verifier};
use kernel::{Clock, Error};
use runtime::{Deps, PeerChannel};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::better_auth::CookieJar;
use crate::client_ip::TrustedProxies;
use crate::key_set::KeySet;
use crate::keys::SessionKeys;
use crate::limits::{AuthLimits, Throttle};
use crate::live_sessions::LiveSessions;
use crate::oidc::{IntrospectionClients, QuerySigner, RegistrationPolicy};
use crate::origin::TrustedOrigins;
use crate::revocation::RevocationFeed;

/// Pages are up to a few megabytes; lesson images may be larger.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// What every handler can reach.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
pub struct Inner {
    /// Scheme, host and port, without a trailing slash.
    pub public_origin: String,
    pub issuer: String,
    pub cookies: CookieJar,
    pub origins: TrustedOrigins,
    pub verifier: Arc<Verifier>,
    pub mail_dir: Option<PathBuf>,
    pub proxies: TrustedProxies,
    pub throttle: Throttle,
    pub revocation: RevocationFeed,
    pub live_sessions: LiveSessions,
    pub key_set: KeySet,
    pub queries: QuerySigner,
    pub registration: RegistrationPolicy,
    pub introspection_clients: IntrospectionClients,
    pub clock: Arc<dyn Clock>,
    /// Cancelled when the process drains: streams end themselves.
    pub draining: CancellationToken,
    peers: Peers,
}

/// What the operator decides of it.
#[derive(Debug)]
pub struct Settings {
    pub public_url: Url,
    pub trusted_origins: Vec<String>,
    pub auth_secret: SecretString,
    pub mail_dir: Option<PathBuf>,
    pub proxies: TrustedProxies,
    pub limits: AuthLimits,
    pub session_days: u32,
    pub registration: RegistrationPolicy,
}

#[derive(Debug)]
struct Peers {
    identity: PeerChannel,
    session: PeerChannel,
    curriculum: PeerChannel,
    chat_thread: PeerChannel,
    tutor_agent: PeerChannel,
    rate_limit: PeerChannel,
    usage_metrics: PeerChannel,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The origin that PUBLIC_URL is.
///
/// # Errors
/// `INVALID_PUBLIC_URL`.
pub fn origin_of(public_url: &Url) -> Result<String, Error> {
    if !matches!(public_url.scheme(), "http" | "https") || public_url.path() != "/" {
        let message = "PUBLIC_URL must be an http(s) origin without a path";
        return Err(Error::invalid("INVALID_PUBLIC_URL", message));
    }
    Ok(public_url.origin().ascii_serialization())
}

impl App {
    pub fn new(settings: Settings, deps: &Deps) -> Result<Self, Error> {
        let Settings { public_url, trusted_origins, auth_secret, mail_dir, .. } = settings;
        let public_origin = origin_of(&public_url)?;
        let issuer = format!("{public_origin}/api/auth");
        let session = deps.peers.channel("session");
        let keys = JwksCache::new(Arc::new(SessionKeys::new(session.clone())), Arc::clone(&deps.clock));
        let verifier = Arc::new(Verifier::new(keys, &issuer, &public_origin, Arc::clone(&deps.clock)));
        Ok(Self(Arc::new(Inner {
            cookies: CookieJar::new(&auth_secret, public_url.scheme() == "https", settings.session_days),
            origins: TrustedOrigins::new(&public_origin, &trusted_origins),
            public_origin,
            issuer,
            mail_dir,
            proxies: settings.proxies,
            throttle: Throttle::new(settings.limits, &auth_secret),
            revocation: RevocationFeed::new(deps, Arc::clone(&verifier)),
            verifier,
            live_sessions: LiveSessions::default(),
            key_set: KeySet::default(),
            queries: QuerySigner::new(&auth_secret),
            registration: settings.registration,
            introspection_clients: IntrospectionClients::default(),
            clock: Arc::clone(&deps.clock),
            draining: CancellationToken::new(),
            peers: Peers {
                session,
                identity: deps.peers.channel("identity"),
                curriculum: deps.peers.channel("curriculum"),
                chat_thread: deps.peers.channel("chat-thread"),
                tutor_agent: deps.peers.channel("tutor-agent"),
                rate_limit: deps.peers.channel("rate-limit"),
                usage_metrics: deps.peers.channel("usage-metrics"),
            },
        })))
    }

    pub fn identity(&self) -> IdentityClient<PeerChannel> {
        IdentityClient::new(self.peers.identity.clone())
    }

    /// Sign-in through other providers, a part of identity.
    pub fn social(&self) -> SocialClient<PeerChannel> {
        SocialClient::new(self.peers.identity.clone())
    }

    /// What administrators do to users, a part of identity.
    pub fn identity_admin(&self) -> IdentityAdminClient<PeerChannel> {
        IdentityAdminClient::new(self.peers.identity.clone())
    }

    pub fn sessions(&self) -> SessionsClient<PeerChannel> {
        SessionsClient::new(self.peers.session.clone())
    }

    /// The OpenID provider, a part of session.
    pub fn provider(&self) -> OpenIdProviderClient<PeerChannel> {
        OpenIdProviderClient::new(self.peers.session.clone())
    }

    /// The applications of the provider.
    pub fn oauth_clients(&self) -> OAuthClientsClient<PeerChannel> {
        OAuthClientsClient::new(self.peers.session.clone())
    }

    pub fn curriculum(&self) -> CurriculumClient<PeerChannel> {
        CurriculumClient::new(self.peers.curriculum.clone()).max_decoding_message_size(MAX_MESSAGE)
    }

    pub fn chat_threads(&self) -> ChatThreadsClient<PeerChannel> {
        ChatThreadsClient::new(self.peers.chat_thread.clone()).max_decoding_message_size(MAX_MESSAGE)
    }

    pub fn tutor(&self) -> TutorAgentClient<PeerChannel> {
        TutorAgentClient::new(self.peers.tutor_agent.clone())
    }

    pub fn rate_limit(&self) -> RateLimitClient<PeerChannel> {
        RateLimitClient::new(self.peers.rate_limit.clone())
    }

    pub fn throttles(&self) -> ThrottlesClient<PeerChannel> {
        ThrottlesClient::new(self.peers.rate_limit.clone())
    }

    pub fn usage_metrics(&self) -> UsageMetricsClient<PeerChannel> {
        UsageMetricsClient::new(self.peers.usage_metrics.clone())
    }
}
