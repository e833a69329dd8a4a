use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use runtime::LogFormat;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::cli::Command;
use crate::services::ServiceName;
use crate::social_config;

const MIN_SECRET: usize = 32;

/// Every setting, its default and what it is for. `check-config` prints this table.
const SETTINGS: &[(&str, &str)] = &[
    ("DATABASE_URL", "Postgres; `migrate` needs a login that may create roles and schemas"),
    ("NATS_URL", "NATS with JetStream [nats://127.0.0.1:4222]"),
    ("NATS_NAMESPACE", "prefix of stream and subject names [intellistack]"),
    ("PUBLIC_URL", "origin under which browsers reach the gateway [http://127.0.0.1:8080]"),
    ("HTTP_ADDR", "the gateway's listener [127.0.0.1:8080]"),
    ("GRPC_ADDR", "gRPC listener of a process with one service [127.0.0.1:0]"),
    ("OPS_ADDR", "listener of /metrics, /healthz and /readyz [127.0.0.1:0]"),
    ("IDENTITY_URL", "where identity answers gRPC, for processes that do not contain it"),
    ("SESSION_URL", "likewise"),
    ("CURRICULUM_URL", "likewise"),
    ("CHAT_THREAD_URL", "likewise"),
    ("RATE_LIMIT_URL", "likewise"),
    ("TUTOR_AGENT_URL", "likewise"),
    ("USAGE_METRICS_URL", "likewise"),
    ("AUTH_SECRET", "at least 32 characters; signs cookies and mailed links, wraps signing keys"),
    ("INTERNAL_TOKEN", "shared by the services; made anew at each start of `all` when absent"),
    ("TRUSTED_ORIGINS", "further origins whose pages may call us with cookies, comma-separated"),
    ("TRUSTED_PROXIES", "networks of proxies whose X-Forwarded-For is believed, comma-separated"),
    ("AUTH_LIMITS", "calls of one address to /api/auth: off, or kind=calls/seconds,… over the defaults"),
    ("PASSWORD_MEMORY_KIB", "memory of one argon2id hash [19456]"),
    ("PASSWORD_PASSES", "passes of one argon2id hash [2]"),
    ("SMTP_URL", "smtp://, smtps:// with credentials if any"),
    ("MAIL_FROM", "sender of our mails [IntelliStack <no-reply@localhost>]"),
    ("GOOGLE_CLIENT_ID", "sign-in with Google; with GOOGLE_CLIENT_SECRET"),
    ("GOOGLE_CLIENT_SECRET", "redirect URI to register: <PUBLIC_URL>/api/auth/callback/google"),
    ("GOOGLE_ISSUER", "another issuer in its place [https://accounts.google.com]"),
    ("GITHUB_CLIENT_ID", "sign-in with GitHub; with GITHUB_CLIENT_SECRET"),
    ("GITHUB_CLIENT_SECRET", "redirect URI to register: <PUBLIC_URL>/api/auth/callback/github"),
    ("GITHUB_URL", "an enterprise server [https://github.com]"),
    ("GITHUB_API_URL", "its API [https://api.github.com]"),
    ("OIDC_PROVIDERS", "ids of further OpenID Connect issuers, comma-separated"),
    ("OIDC_<ID>_ISSUER", "with _CLIENT_ID, _CLIENT_SECRET, and perhaps _NAME and _SCOPES, for each"),
    ("SOCIAL_ALLOW_PRIVATE_NETWORKS", "true: providers may be at private addresses or plain http [false]"),
    ("CLIENT_REGISTRATION", "who may register applications at /oauth2/register: off, admin or open [off]"),
    (
        "CLIENTS_ALLOW_PRIVATE_NETWORKS",
        "true: applications' key sets and logout addresses may be at private addresses or plain http [false]",
    ),
    ("RESEND_API_KEY", "send mail through Resend's HTTP API with this key"),
    ("RESEND_BASE_URL", "its base URL [https://api.resend.com]"),
    ("MAIL_DIR", "write mails to this folder instead of sending them (development)"),
    ("OPENAI_API_KEY", "key of an OpenAI-compatible endpoint"),
    ("OPENAI_BASE_URL", "its base URL [https://api.openai.com/v1]"),
    ("TUTOR_MODEL", "model name; without it the built-in offline tutor answers"),
    ("MESSAGE_LIMIT", "a student's messages in 24 hours [20]"),
    ("ACCESS_TOKEN_HOURS", "how long an access token is good for; never past its session's end [6]"),
    ("SESSION_DAYS", "how long a remembered session lives without being used [7]"),
    ("KEY_ROTATION_DAYS", "age at which the key that signs access tokens gets a successor [90]"),
    ("DATABASE_CONNECTIONS", "connections of each service [8]"),
    ("LOG_FORMAT", "pretty or json [pretty]"),
    ("RUST_LOG", "log filter [info,tantivy=warn]"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "send spans there over OTLP/gRPC"),
    ("INTELLISTACK_CONFIG", "a TOML file with the same names in lower case; the environment wins"),
];

/// The settings of a process.
#[derive(Deserialize)]
#[serde(default)]
pub struct Config {
    pub database_url: Option<SecretString>,
    pub nats_url: SecretString,
    pub nats_namespace: String,
    pub public_url: Url,
    pub http_addr: SocketAddr,
    pub grpc_addr: SocketAddr,
    pub ops_addr: SocketAddr,
    pub auth_secret: Option<SecretString>,
    pub internal_token: Option<SecretString>,
    pub trusted_origins: String,
    pub trusted_proxies: String,
    pub auth_limits: String,
    #[serde(deserialize_with = "number")]
    pub password_memory_kib: u32,
    #[serde(deserialize_with = "number")]
    pub password_passes: u32,
    pub smtp_url: Option<SecretString>,
    pub mail_from: String,
    pub mail_dir: Option<PathBuf>,
    pub resend_api_key: Option<SecretString>,
    pub resend_base_url: Option<Url>,
    pub openai_api_key: Option<SecretString>,
    pub openai_base_url: Option<String>,
    pub tutor_model: Option<String>,
    #[serde(deserialize_with = "number")]
    pub message_limit: u32,
    #[serde(deserialize_with = "number")]
    pub access_token_hours: u32,
    #[serde(deserialize_with = "number")]
    pub session_days: u32,
    pub client_registration: String,
    #[serde(deserialize_with = "number")]
    pub key_rotation_days: u32,
    #[serde(deserialize_with = "number")]
    pub database_connections: u32,
    pub log_format: LogFormat,
    rust_log: Option<String>,
    otel_exporter_otlp_endpoint: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, figment::value::Value>,
}

/// Secrets are among them.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Config")
    }
}

impl Default for Config {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            database_url: None,
            nats_url: SecretString::from("nats://127.0.0.1:4222"),
            nats_namespace: "intellistack".to_owned(),
            #[expect(clippy::expect_used, reason = "a constant")]
            public_url: Url::parse("http://127.0.0.1:8080").expect("a valid URL"),
            http_addr: loopback(8080),
            grpc_addr: loopback(0),
            ops_addr: loopback(0),
            auth_secret: None,
            internal_token: None,
            trusted_origins: String::new(),
            trusted_proxies: String::new(),
            auth_limits: String::new(),
            password_memory_kib: identity::HashingOptions::default().memory_kib,
            password_passes: identity::HashingOptions::default().passes,
            smtp_url: None,
            mail_from: "IntelliStack <no-reply@localhost>".to_owned(),
            mail_dir: None,
            resend_api_key: None,
            resend_base_url: None,
            openai_api_key: None,
            openai_base_url: None,
            tutor_model: None,
            message_limit: 20,
            access_token_hours: 6,
            session_days: 7,
            client_registration: "off".to_owned(),
            key_rotation_days: 90,
            database_connections: 8,
            log_format: LogFormat::default(),
            rust_log: None,
            otel_exporter_otlp_endpoint: None,
            rest: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads the file named by `INTELLISTACK_CONFIG`, then the environment over it. An empty
    /// variable counts as absent.
    pub fn load() -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let environment: BTreeMap<String, String> = std::env::vars()
            .filter(|(name, value)| {
                let known = SETTINGS.iter().any(|(known, _)| known == name);
                !value.is_empty() && (known || name.starts_with(social_config::OIDC))
            })
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect();
        let mut figment = Figment::new();
        if let Some(path) = environment.get("intellistack_config") {
            if !std::path::Path::new(path).is_file() {
                bail!("INTELLISTACK_CONFIG names {path:?}, which is no file");
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        // Values of the environment stay text: a token of digits is no number.
        figment.merge(Serialized::globals(environment)).extract().context("the settings cannot be read")
    }

    /// Checks what each command checks for itself, all at once, and explains the settings.
    #[expect(clippy::print_stdout, reason = "the answer of a command")]
    pub fn check(&self) -> anyhow::Result<()> {
        for (name, meaning) in SETTINGS {
            println!("{name:<28} {meaning}");
        }
        let checks = [
            self.check_infrastructure(),
            self.database_url().map(drop),
            self.auth_secret().map(drop),
            self.check_model(),
            gateway::origin_of(&self.public_url).map(drop).map_err(Into::into),
            self.trusted_proxies().map(drop),
            self.auth_limits().map(drop),
            self.client_registration().map(drop),
            self.clients_allow_private_networks().map(drop),
            self.lifetimes().check().map_err(Into::into),
            self.hashing().check().map_err(Into::into),
            self.mail().and_then(|mail| Ok(mail.check()?)),
            self.social().map(drop),
        ];
        let problems: Vec<String> =
            checks.into_iter().filter_map(Result::err).map(|problem| format!("- {problem:#}")).collect();
        if !problems.is_empty() {
            bail!("the settings are not complete:\n{}", problems.join("\n"));
        }
        println!("\nThe settings are complete.");
        Ok(())
    }

    /// What every process needs to be right before it begins.
    pub fn check_infrastructure(&self) -> anyhow::Result<()> {
        if let Some(url) = &self.database_url {
            let scheme = Url::parse(url.expose_secret()).map(|url| url.scheme().to_owned());
            if !scheme.is_ok_and(|scheme| matches!(scheme.as_str(), "postgres" | "postgresql")) {
                bail!("DATABASE_URL is no postgres:// URL");
            }
        }
        if self.nats_url.expose_secret().split(',').any(|url| url.parse::<async_nats::ServerAddr>().is_err())
        {
            bail!("NATS_URL is no nats:// URL");
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.nats_namespace.is_empty() || !self.nats_namespace.chars().all(plain) {
            bail!("NATS_NAMESPACE has other characters than letters, digits, - and _");
        }
        if self
            .internal_token
            .as_ref()
            .is_some_and(|token| !token.expose_secret().chars().all(|c| c.is_ascii_graphic()))
        {
            bail!("INTERNAL_TOKEN has other than printable ASCII characters");
        }
        for (name, value) in
            [("DATABASE_CONNECTIONS", self.database_connections), ("MESSAGE_LIMIT", self.message_limit)]
        {
            if value == 0 {
                bail!("{name} is 0: at least 1 can be used");
            }
        }
        Ok(())
    }

    pub fn database_url(&self) -> anyhow::Result<&SecretString> {
        self.database_url.as_ref().context("DATABASE_URL is not set")
    }

    pub fn auth_secret(&self) -> anyhow::Result<SecretString> {
        let secret = self.auth_secret.as_ref().context("AUTH_SECRET is not set")?;
        if secret.expose_secret().len() < MIN_SECRET {
            bail!("AUTH_SECRET is shorter than {MIN_SECRET} characters");
        }
        Ok(secret.clone())
    }

    pub fn lifetimes(&self) -> session::Lifetimes {
        session::Lifetimes {
            access_token_hours: self.access_token_hours,
            session_days: self.session_days,
            key_rotation_days: self.key_rotation_days,
        }
    }

    pub fn trusted_origins(&self) -> Vec<String> {
        list(&self.trusted_origins)
    }

    pub fn trusted_proxies(&self) -> anyhow::Result<gateway::TrustedProxies> {
        let networks = list(&self.trusted_proxies);
        let networks = networks.iter().map(String::as_str);
        gateway::TrustedProxies::parse(networks).context("TRUSTED_PROXIES cannot be used")
    }

    pub fn clients_allow_private_networks(&self) -> anyhow::Result<bool> {
        self.flag("CLIENTS_ALLOW_PRIVATE_NETWORKS")
    }

    /// A setting that is off where it is not given.
    pub fn flag(&self, name: &str) -> anyhow::Result<bool> {
        match self.text(name).as_deref() {
            None | Some("" | "false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => bail!("{name} is {other:?}: true or false"),
        }
    }

    pub fn client_registration(&self) -> anyhow::Result<gateway::RegistrationPolicy> {
        self.client_registration.parse().context("CLIENT_REGISTRATION cannot be used")
    }

    pub fn auth_limits(&self) -> anyhow::Result<gateway::AuthLimits> {
        self.auth_limits.parse().context("AUTH_LIMITS cannot be used")
    }

    pub fn hashing(&self) -> identity::HashingOptions {
        identity::HashingOptions {
            memory_kib: self.password_memory_kib,
            passes: self.password_passes,
            ..identity::HashingOptions::default()
        }
    }

    /// The address of a service that runs in another process.
    pub fn peer_url(&self, service: ServiceName) -> Option<String> {
        self.text(&format!("{}_url", service.as_str().replace('-', "_")))
    }

    /// A setting that has no field of its own.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.rest.get(&name.to_lowercase())?;
        value.as_str().map(str::to_owned).or_else(|| value.to_bool().map(|flag| flag.to_string()))
    }

    /// The names of those.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.rest.keys().map(|name| name.to_uppercase())
    }

    /// Commands talk to a person: their log stays quiet unless asked for.
    pub fn log_filter(&self, command: &Command) -> String {
        let default = match command {
            // Each commit of the passage index is six lines of its own.
            Command::All | Command::Services(_) => "info,tantivy=warn",
            _ => "warn",
        };
        self.rust_log.clone().unwrap_or_else(|| default.to_owned())
    }

    pub fn otlp_endpoint(&self) -> Option<&str> {
        self.otel_exporter_otlp_endpoint.as_deref()
    }

    pub fn check_model(&self) -> anyhow::Result<()> {
        if self.tutor_model.is_some() && self.openai_api_key.is_none() && self.openai_base_url.is_none() {
            bail!("TUTOR_MODEL needs OPENAI_API_KEY or OPENAI_BASE_URL");
        }
        Ok(())
    }

    pub fn mail(&self) -> anyhow::Result<identity::MailOptions> {
        let transport = match (&self.smtp_url, &self.resend_api_key, &self.mail_dir) {
            (Some(url), None, None) => identity::MailTransport::Smtp { url: url.clone() },
            (None, Some(api_key), None) => identity::MailTransport::Resend {
                api_key: api_key.clone(),
                base_url: match &self.resend_base_url {
                    Some(url) => url.clone(),
                    None => Url::parse("https://api.resend.com").context("a constant")?,
                },
            },
            (None, None, Some(dir)) => identity::MailTransport::Folder { dir: dir.clone() },
            (None, None, None) => {
                bail!("set SMTP_URL or RESEND_API_KEY, or MAIL_DIR for development: identity sends mail")
            }
            _ => bail!("of SMTP_URL, RESEND_API_KEY and MAIL_DIR several are set: which one is meant?"),
        };
        Ok(identity::MailOptions { transport, from: self.mail_from.clone() })
    }
}

/// What a comma list names.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The environment carries numbers as text, a TOML file as numbers.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.trim().parse().map_err(serde::de::Error::custom),
    }
}
