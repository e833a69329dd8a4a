use std::process::ExitCode;

use anyhow::{Context, bail};
use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use eventstore::{RecordedEvent, Store, bus};
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use crate::config::Config;
use crate::services::ServiceName;

const PAGE: u32 = 1_000;

/// Compares every store with itself, with its copy on the bus and with the checkpoints of its
/// readers. A difference is reported with its position, and the exit code is 1.
///
/// A copy or a reader that is merely behind is no difference: it catches up from the store. Whoever
/// follows is therefore read before what it follows: the system may run meanwhile.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let client = runtime::bus(&config.nats_url, "intellistack-audit").await?;
    let jetstream = jetstream::new(client);
    let mut findings = Vec::new();
    let mut heads = Vec::new();
    let mut claims = Vec::new();
    for service in ServiceName::ALL.into_iter().filter(|service| service.schema().is_some()) {
        claims.extend(checkpoints(&pool(config, service)?, service).await?);
    }
    for service in ServiceName::ALL.into_iter().filter(|service| service.owns_store()) {
        let store = Store::new(pool(config, service)?, schema(service)?);
        let audit = audit_store(&store, &jetstream, &config.nats_namespace)
            .await
            .with_context(|| format!("auditing {service}"))?;
        println!("{:<12} {}", store.name(), audit.summary());
        findings.extend(audit.findings.into_iter().map(|finding| format!("{}: {finding}", store.name())));
        heads.push((store.name(), audit.head));
    }
    findings.extend(claims.iter().filter_map(|claim| claim.refuted_by(&heads)));
    findings.extend(usage_metrics::verify(&pool(config, ServiceName::UsageMetrics)?).await?);
    for finding in &findings {
        println!("DIFFERENT  {finding}");
    }
    if findings.is_empty() {
        println!("No difference found.");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct StoreAudit {
    head: u64,
    unsequenced: i64,
    digest: String,
    /// Position up to which the bus holds the same events.
    bus: u64,
    findings: Vec<String>,
}

impl StoreAudit {
    fn summary(&self) -> String {
        let Self { head, unsequenced, digest, bus, .. } = self;
        format!("{head} events, {unsequenced} not yet sequenced, bus at {bus}, chain {}", &digest[..16])
    }
}

async fn audit_store(
    store: &Store,
    jetstream: &jetstream::Context,
    namespace: &str,
) -> anyhow::Result<StoreAudit> {
    let (copy, tail) = BusReader::open(store.name(), jetstream, namespace).await?;
    let (head, mut findings) = inner_findings(store.pool()).await?;
    let unsequenced =
        sqlx::query_scalar("select count(*) from events where gpos is null").fetch_one(store.pool()).await?;
    if tail > head {
        findings.push(format!("the bus holds {tail} events, the store only {head}"));
    }
    let level = tail.min(head);
    let (digest, difference) = compare(store, copy, level).await?;
    findings.extend(difference);
    Ok(StoreAudit { head, unsequenced, digest, bus: level, findings })
}

/// The highest position, and whether positions are dense and versions rise with them in every stream.
async fn inner_findings(pool: &PgPool) -> anyhow::Result<(u64, Vec<String>)> {
    let mut findings = Vec::new();
    // One statement: one snapshot of the database.
    let (count, max, cursor): (i64, i64, i64) = sqlx::query_as(
        "select count(gpos), coalesce(max(gpos), 0), (select gpos from sequencer) from events",
    )
    .fetch_one(pool)
    .await?;
    if count != max || max != cursor {
        findings.push(format!(
            "{count} sequenced events, highest position {max}, cursor {cursor}: these must be equal"
        ));
    }
    let inverted: Option<(i64, String, i64)> = sqlx::query_as(
        "select gpos, stream, version from
           (select gpos, stream, version, row_number() over (partition by stream order by gpos) as nth
              from events where gpos is not null) as numbered
         where version <> nth order by gpos limit 1",
    )
    .fetch_optional(pool)
    .await?;
    if let Some((position, stream, version)) = inverted {
        findings.push(format!("position {position}: version {version} of {stream} is out of order"));
    }
    Ok((u64::try_from(cursor).context("a cursor below zero")?, findings))
}

/// Walks store and bus side by side up to `level`, and the store alone from there, chaining a
/// hash over every field of every event.
async fn compare(
    store: &Store,
    mut copy: Option<BusReader>,
    level: u64,
) -> anyhow::Result<(String, Option<String>)> {
    let mut chain = [0_u8; 32];
    let mut position = 0;
    loop {
        let page = store.read(position, PAGE).await?;
        if page.is_empty() {
            return Ok((hex(&chain), None));
        }
        for event in page {
            position = event.position;
            chain = link(chain, &event);
            let Some(copy) = copy.as_mut().filter(|_| position <= level) else { continue };
            match copy.next().await? {
                Some(other) if other == event => {}
                Some(other) => {
                    let what = format!(
                        "position {position}: the bus holds something else (position {})",
                        other.position
                    );
                    return Ok((hex(&chain), Some(what)));
                }
                None => bail!("the bus ended at position {position}, it promised {level}"),
            }
        }
    }
}

fn link(previous: [u8; 32], event: &RecordedEvent) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(previous);
    let at = event.at.timestamp_micros().to_be_bytes();
    let trace = event.meta.traceparent.as_ref().map(kernel::TraceParent::as_str).unwrap_or_default();
    let numbers = [
        event.position.to_be_bytes(),
        event.version.to_be_bytes(),
        u64::from(event.schema).to_be_bytes(),
        at,
    ];
    for number in numbers {
        hash.update(number);
    }
    let texts = [event.stream.as_bytes(), event.event_type.as_bytes(), trace.as_bytes(), &event.data];
    for text in texts {
        // With their lengths, so that no two events write the same bytes.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct BusReader {
    store: &'static str,
    messages: jetstream::consumer::pull::Ordered,
}

impl BusReader {
    /// The store's stream from its first message, and its last sequence; no reader when there is
    /// no stream or nothing in it.
    async fn open(
        store: &'static str,
        jetstream: &jetstream::Context,
        namespace: &str,
    ) -> anyhow::Result<(Option<Self>, u64)> {
        let name = bus::stream_name(namespace, store);
        let mut stream = match jetstream.get_stream(&name).await {
            Ok(stream) => stream,
            Err(error) if is_missing(&error) => return Ok((None, 0)),
            Err(error) => return Err(error).context("reading the bus"),
        };
        let state = stream.info().await?.state.clone();
        if state.messages == 0 {
            return Ok((None, state.last_sequence));
        }
        let config = OrderedConfig { deliver_policy: DeliverPolicy::All, ..OrderedConfig::default() };
        let messages = stream.create_consumer(config).await?.messages().await?;
        Ok((Some(Self { store, messages }), state.last_sequence))
    }

    async fn next(&mut self) -> anyhow::Result<Option<RecordedEvent>> {
        let Some(message) = self.messages.try_next().await? else { return Ok(None) };
        Ok(Some(bus::parse(self.store, message.headers.as_ref(), &message.payload)?))
    }
}

fn is_missing(error: &jetstream::context::GetStreamError) -> bool {
    use jetstream::context::GetStreamErrorKind::JetStream;
    matches!(error.kind(), JetStream(inner) if inner.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}

/// How far a reader says that it has read.
struct Checkpoint {
    service: ServiceName,
    projection: String,
    store: String,
    position: i64,
}

async fn checkpoints(pool: &PgPool, service: ServiceName) -> anyhow::Result<Vec<Checkpoint>> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("select projection, store, gpos from checkpoints").fetch_all(pool).await?;
    let checkpoint = |(projection, store, position)| Checkpoint { service, projection, store, position };
    Ok(rows.into_iter().map(checkpoint).collect())
}

impl Checkpoint {
    /// No reader may be ahead of what it reads.
    fn refuted_by(&self, heads: &[(&'static str, u64)]) -> Option<String> {
        let Self { service, projection, store, position } = self;
        let head = heads.iter().find(|(name, _)| name == store).map_or(0, |(_, head)| *head);
        u64::try_from(*position).is_ok_and(|position| position > head).then(|| {
            format!("{service}: {projection} claims position {position} of {store}, which has fewer")
        })
    }
}

fn pool(config: &Config, service: ServiceName) -> anyhow::Result<PgPool> {
    Ok(runtime::pool(config.database_url()?, schema(service)?, 2)?)
}

fn schema(service: ServiceName) -> anyhow::Result<&'static str> {
    service.schema().map(|(schema, _)| schema).context("the service has no schema")
}
