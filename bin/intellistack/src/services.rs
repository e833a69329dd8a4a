use std::fmt;

use anyhow::{Context, bail};
use sqlx::migrate::Migrator;

/// The services of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceName {
    Identity,
    Session,
    Curriculum,
    ChatThread,
    RateLimit,
    TutorAgent,
    UsageMetrics,
    Gateway,
}

impl ServiceName {
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::Session,
        Self::Curriculum,
        Self::ChatThread,
        Self::RateLimit,
        Self::TutorAgent,
        Self::UsageMetrics,
        Self::Gateway,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => identity::NAME,
            Self::Session => session::NAME,
            Self::Curriculum => curriculum::NAME,
            Self::ChatThread => chat_thread::NAME,
            Self::RateLimit => rate_limit::NAME,
            Self::TutorAgent => tutor_agent::NAME,
            Self::UsageMetrics => usage_metrics::NAME,
            Self::Gateway => gateway::NAME,
        }
    }

    /// The service's schema and its migrators in order; `None` for the gateway, which keeps
    /// nothing.
    pub fn schema(self) -> Option<(&'static str, Vec<&'static Migrator>)> {
        let (schema, own): (_, &'static Migrator) = match self {
            Self::Identity => (identity::SCHEMA, &identity::MIGRATOR),
            Self::Session => (session::SCHEMA, &session::MIGRATOR),
            Self::Curriculum => (curriculum::SCHEMA, &curriculum::MIGRATOR),
            Self::ChatThread => (chat_thread::SCHEMA, &chat_thread::MIGRATOR),
            Self::RateLimit => (rate_limit::SCHEMA, &rate_limit::MIGRATOR),
            Self::TutorAgent => (tutor_agent::SCHEMA, &tutor_agent::MIGRATOR),
            Self::UsageMetrics => (usage_metrics::SCHEMA, &usage_metrics::MIGRATOR),
            Self::Gateway => return None,
        };
        Some((schema, vec![&eventstore::MIGRATOR, &projection::MIGRATOR, own]))
    }

    /// Those that keep personal data, sealed under AUTH_SECRET.
    pub fn seals(self) -> bool {
        matches!(self, Self::Identity | Self::Session)
    }

    /// Those that own an event store; a read model's owner has none.
    pub fn owns_store(self) -> bool {
        !matches!(self, Self::Gateway | Self::UsageMetrics)
    }

    pub fn parse_all(names: &[String]) -> anyhow::Result<Vec<Self>> {
        let mut services = Vec::new();
        for name in names {
            let service =
                Self::ALL.into_iter().find(|service| service.as_str() == name).with_context(|| {
                    format!("{name:?} is neither a command nor a service; see intellistack --help")
                })?;
            if services.contains(&service) {
                bail!("{service} is named twice");
            }
            services.push(service);
        }
        Ok(services)
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
