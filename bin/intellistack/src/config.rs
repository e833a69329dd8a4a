use std::collections::BTreeMap;
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
    ("SMTP_URL", "smtp://, smtps:// with credentials if any"),
    ("MAIL_FROM", "sender of our mails [IntelliStack <no-reply@localhost>]"),
    ("MAIL_DIR", "write mails to this folder instead of sending them (development)"),
    ("OPENAI_API_KEY", "key of an OpenAI-compatible endpoint"),
    ("OPENAI_BASE_URL", "its base URL [https://api.openai.com/v1]"),
    ("TUTOR_MODEL", "model name; without it the built-in offline tutor answers"),
    ("MESSAGE_LIMIT", "a student's messages in 24 hours [20]"),
    ("DATABASE_CONNECTIONS", "connections of each service [8]"),
    ("LOG_FORMAT", "pretty or json [pretty]"),
    ("RUST_LOG", "log filter [info,tantivy=warn]"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "send spans there over OTLP/gRPC"),
    ("INTELLISTACK_CONFIG", "a TOML file with the same names in lower case; the environment wins"),
];

/// The settings of a process.
#[derive(Debug, Deserialize)]
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
    pub smtp_url: Option<SecretString>,
    pub mail_from: String,
    pub mail_dir: Option<PathBuf>,
    pub openai_api_key: Option<SecretString>,
    pub openai_base_url: Option<String>,
    pub tutor_model: Option<String>,
    #[serde(deserialize_with = "number")]
    pub message_limit: u32,
    #[serde(deserialize_with = "number")]
    pub database_connections: u32,
    pub log_format: LogFormat,
    rust_log: Option<String>,
    otel_exporter_otlp_endpoint: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, figment::value::Value>,
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
            smtp_url: None,
            mail_from: "IntelliStack <no-reply@localhost>".to_owned(),
            mail_dir: None,
            openai_api_key: None,
            openai_base_url: None,
            tutor_model: None,
            message_limit: 20,
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
            .filter(|(name, value)| !value.is_empty() && SETTINGS.iter().any(|(known, _)| known == name))
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
            self.database_url().map(drop),
            self.auth_secret().map(drop),
            self.check_model(),
            self.mail().map(drop),
        ];
        let problems: Vec<String> =
            checks.into_iter().filter_map(Result::err).map(|problem| format!("- {problem:#}")).collect();
        if !problems.is_empty() {
            bail!("the settings are not complete:\n{}", problems.join("\n"));
        }
        println!("\nThe settings are complete.");
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

    pub fn trusted_origins(&self) -> Vec<String> {
        let origins = self.trusted_origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        origins.map(str::to_owned).collect()
    }

    /// The address of a service that runs in another process.
    pub fn peer_url(&self, service: ServiceName) -> Option<String> {
        let key = format!("{}_url", service.as_str().replace('-', "_"));
        self.rest.get(&key).and_then(|value| value.as_str()).map(str::to_owned)
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
        let transport = match (&self.smtp_url, &self.mail_dir) {
            (Some(url), None) => identity::MailTransport::Smtp { url: url.clone() },
            (None, Some(dir)) => identity::MailTransport::Folder { dir: dir.clone() },
            (None, None) => {
                bail!("set SMTP_URL, or MAIL_DIR for development: identity sends verification mails")
            }
            (Some(_), Some(_)) => bail!("SMTP_URL and MAIL_DIR are both set: which one is meant?"),
        };
        Ok(identity::MailOptions { transport, from: self.mail_from.clone() })
    }
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
