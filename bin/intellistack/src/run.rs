use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use kernel::{Clock, Entropy, OsEntropy, SystemClock};
use runtime::{Deps, Health, Metrics, Peers, Service};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::secret;
use crate::services::ServiceName;

/// What the services of a process share.
struct Process {
    config: Config,
    token: SecretString,
    metrics: Metrics,
    health: Health,
    peers: Peers,
    nats: async_nats::Client,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

const DRAIN_STAGES: usize = 3;

/// A running answer needs threads and quota to come to its end.
fn drain_stage(service: &str) -> usize {
    match service {
        gateway::NAME => 0,
        tutor_agent::NAME => 1,
        _ => 2,
    }
}

/// Runs services in this process until a signal.
pub async fn run(config: Config, services: &[ServiceName]) -> anyhow::Result<()> {
    install_tls_provider()?;
    config.check_infrastructure()?;
    let token = internal_token(&config, services)?;
    for service in services.iter().filter(|service| service.seals()) {
        secret::claim_if_answered(&config, *service).await?;
    }
    let mut listeners = bind_grpc(&config, services).await?;
    let ops = TcpListener::bind(config.ops_addr)
        .await
        .with_context(|| format!("binding OPS_ADDR {}", config.ops_addr))?;
    let http = services.contains(&ServiceName::Gateway).then(|| {
        std::net::TcpListener::bind(config.http_addr)
            .with_context(|| format!("binding HTTP_ADDR {}", config.http_addr))
    });
    let mut http = http.transpose()?;

    let addresses = peer_addresses(&config, services, &listeners)?;
    let process = Process {
        peers: Peers::new(&addresses, &token)?,
        nats: runtime::bus(&config.nats_url, "intellistack").await.context("NATS_URL cannot be used")?,
        metrics: Metrics::install()?,
        health: Health::default(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        token,
        config,
    };
    let mut built = Vec::new();
    for name in services {
        let service = process.build(*name, &mut http).with_context(|| format!("wiring {name}"))?;
        built.push((service, listeners.remove(name)));
    }
    process.serve(built, ops).await
}

impl Process {
    fn build(&self, name: ServiceName, http: &mut Option<std::net::TcpListener>) -> anyhow::Result<Service> {
        let config = &self.config;
        let service = match name {
            ServiceName::Identity => {
                let options = identity::Options {
                    auth_secret: config.auth_secret()?,
                    public_url: config.public_url.clone(),
                    mail: config.mail()?,
                    hashing: config.hashing(),
                    social: config.social()?,
                };
                identity::build(options, self.deps(name)?)?
            }
            ServiceName::Session => {
                let options = session::Options {
                    auth_secret: config.auth_secret()?,
                    public_url: config.public_url.clone(),
                    lifetimes: config.lifetimes(),
                    private_clients: config.clients_allow_private_networks()?,
                };
                session::build(options, self.deps(name)?)?
            }
            ServiceName::Curriculum => curriculum::build(curriculum::Options {}, self.deps(name)?)?,
            ServiceName::ChatThread => chat_thread::build(chat_thread::Options {}, self.deps(name)?)?,
            ServiceName::RateLimit => {
                let options =
                    rate_limit::Options { limit: config.message_limit, ..rate_limit::Options::default() };
                rate_limit::build(options, self.deps(name)?)?
            }
            ServiceName::TutorAgent => tutor_agent::build(
                tutor_agent::Options { model: self.model()?, limits: tutor_agent::Limits::default() },
                self.deps(name)?,
            )?,
            ServiceName::UsageMetrics => {
                let hash_key = usage_metrics::HashKey::derive(&config.auth_secret()?)?;
                usage_metrics::build(usage_metrics::Options { hash_key }, self.deps(name)?)?
            }
            ServiceName::Gateway => {
                let options = gateway::Options {
                    listener: http.take().context("the HTTP listener is taken")?,
                    public_url: config.public_url.clone(),
                    trusted_origins: config.trusted_origins(),
                    auth_secret: config.auth_secret()?,
                    mail_dir: config.mail_dir.clone(),
                    trusted_proxies: config.trusted_proxies()?,
                    limits: config.auth_limits()?,
                    session_days: config.session_days,
                    registration: config.client_registration()?,
                };
                gateway::build(options, &self.deps(name)?)?
            }
        };
        Ok(service)
    }

    fn deps(&self, name: ServiceName) -> anyhow::Result<Deps> {
        // The gateway keeps nothing: it needs no database, and its settings may lack one.
        let nowhere = SecretString::from("postgres://nobody@127.0.0.1:1/none");
        let (url, schema) = match name.schema() {
            Some((schema, _)) => (self.config.database_url()?, schema),
            None => (&nowhere, "none"),
        };
        Ok(Deps {
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            pool: runtime::pool(url, schema, self.config.database_connections)
                .context("DATABASE_URL cannot be used")?,
            nats: self.nats.clone(),
            namespace: self.config.nats_namespace.clone(),
            peers: self.peers.clone(),
            health: self.health.clone(),
        })
    }

    fn model(&self) -> anyhow::Result<Option<tutor_agent::ModelOptions>> {
        self.config.check_model()?;
        let Some(model) = self.config.tutor_model.clone() else { return Ok(None) };
        Ok(Some(tutor_agent::ModelOptions {
            model,
            base_url: self
                .config
                .openai_base_url
                .clone()
                .unwrap_or_else(|| "https://api.openai.com/v1".to_owned()),
            api_key: self.config.openai_api_key.clone().unwrap_or_default(),
        }))
    }

    /// Runs until a signal or until one service fails, which stops them all: half a process is
    /// harder to notice than none. Those who call drain before those they call.
    async fn serve(
        self,
        services: Vec<(Service, Option<TcpListener>)>,
        ops: TcpListener,
    ) -> anyhow::Result<()> {
        let stop = runtime::on_signal()?;
        let drained = CancellationToken::new();
        let operations = serve_ops(ops, self.health.clone(), self.metrics.clone(), drained.clone());
        let operations = runtime::spawn("ops", operations);
        let announced = runtime::spawn("announce the drain", {
            let (stop, health) = (stop.clone(), self.health.clone());
            async move {
                stop.cancelled().await;
                health.drain();
            }
        });
        let mut stages: [Vec<_>; DRAIN_STAGES] = std::array::from_fn(|_| Vec::new());
        for (service, listener) in services {
            stages[drain_stage(service.name())].push((service, listener));
        }
        let mut begin = stop.clone();
        let mut running = Vec::new();
        for stage in stages {
            let next = CancellationToken::new();
            running.push(self.serve_stage(stage, stop.clone(), begin, next.clone()));
            begin = next;
        }
        let outcomes = futures::future::join_all(running).await;
        drained.cancel();
        announced.await?;
        operations.await?;
        outcomes.into_iter().flatten().collect::<anyhow::Result<()>>()?;
        tracing::info!("drained");
        Ok(())
    }

    /// Runs services until `begin`, drains them, and lets the `next` stage begin.
    async fn serve_stage(
        &self,
        services: Vec<(Service, Option<TcpListener>)>,
        stop: CancellationToken,
        begin: CancellationToken,
        next: CancellationToken,
    ) -> Vec<anyhow::Result<()>> {
        let running = services.into_iter().map(|(service, listener)| {
            let (stop, begin) = (stop.clone(), begin.clone());
            async move {
                let name = service.name();
                let outcome = runtime::serve(service, listener, &self.token, begin).await;
                stop.cancel();
                outcome.with_context(|| format!("running {name}"))
            }
        });
        let outcomes = futures::future::join_all(running).await;
        begin.cancelled().await;
        next.cancel();
        outcomes
    }
}

async fn serve_ops(listener: TcpListener, health: Health, metrics: Metrics, shutdown: CancellationToken) {
    tracing::info!(address = ?listener.local_addr().ok(), "answering /metrics, /healthz and /readyz");
    let router = runtime::ops_router(health, metrics);
    if let Err(error) = runtime::serve_http(listener, router, shutdown).await {
        tracing::error!(%error, "the operations listener failed");
    }
}

/// One TLS implementation for every client in the process.
fn install_tls_provider() -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a TLS provider is installed already"))
}

/// Processes of their own must agree on the token; one process may make its own up.
fn internal_token(config: &Config, services: &[ServiceName]) -> anyhow::Result<SecretString> {
    match &config.internal_token {
        Some(token) => Ok(token.clone()),
        None if services.len() == ServiceName::ALL.len() => {
            Ok(SecretString::from(OsEntropy.alphanumeric(48)))
        }
        None => bail!("INTERNAL_TOKEN is not set: services in different processes need the same one"),
    }
}

/// A lone service answers on `GRPC_ADDR`; several in one process each take a free loopback port.
async fn bind_grpc(
    config: &Config,
    services: &[ServiceName],
) -> anyhow::Result<BTreeMap<ServiceName, TcpListener>> {
    let answering: Vec<ServiceName> =
        services.iter().copied().filter(|service| *service != ServiceName::Gateway).collect();
    let address = if answering.len() == 1 { config.grpc_addr } else { SocketAddr::from(([127, 0, 0, 1], 0)) };
    let mut listeners = BTreeMap::new();
    for service in answering {
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("binding {address} for {service}"))?;
        listeners.insert(service, listener);
    }
    Ok(listeners)
}

fn peer_addresses(
    config: &Config,
    services: &[ServiceName],
    listeners: &BTreeMap<ServiceName, TcpListener>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut addresses = BTreeMap::new();
    for service in ServiceName::ALL {
        if let Some(listener) = listeners.get(&service) {
            let mut address = listener.local_addr()?;
            if address.ip().is_unspecified() {
                address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
            }
            addresses.insert(service.as_str().to_owned(), format!("http://{address}"));
        } else if let Some(url) = config.peer_url(service) {
            addresses.insert(service.as_str().to_owned(), url);
        }
    }
    for needed in needed_peers(services) {
        if !addresses.contains_key(needed.as_str()) {
            bail!(
                "{}_URL is not set: a service of this process calls {needed}",
                needed.as_str().to_uppercase().replace('-', "_")
            );
        }
    }
    Ok(addresses)
}

/// Who calls whom: the arrows of ARCHITECTURE.md.
fn needed_peers(services: &[ServiceName]) -> Vec<ServiceName> {
    use ServiceName::{ChatThread, Curriculum, Identity, RateLimit, Session, TutorAgent, UsageMetrics};
    services
        .iter()
        .flat_map(|service| match service {
            ServiceName::Gateway => {
                [Identity, Session, Curriculum, ChatThread, TutorAgent, RateLimit, UsageMetrics].as_slice()
            }
            Session => &[Identity],
            TutorAgent => &[Curriculum, ChatThread, RateLimit],
            UsageMetrics => &[Identity, Session, TutorAgent],
            Identity | Curriculum | ChatThread | RateLimit => &[],
        })
        .copied()
        .collect()
}
