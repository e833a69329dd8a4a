use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::{self, Message, consumer::pull};
use eventstore::bus;
use futures::StreamExt;
use futures::stream::{BoxStream, ReadyChunks};

/// Most messages taken at once.
const CHUNK: usize = 256;

/// After this time without an acknowledgement the server sends a message again.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// Twice this long without a sign of the consumer means that it is gone.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The messages of one durable consumer: one per projection and store, shared by all replicas.
pub(crate) struct Feed {
    context: jetstream::Context,
    stream: String,
    durable: String,
    messages: ReadyChunks<BoxStream<'static, Result<Message, String>>>,
}

impl Feed {
    /// Opens the consumer `durable` on the store's stream, or creates it behind `position`. Where an
    /// existing one stands does not matter: the position in each message is what counts.
    pub(crate) async fn open(
        nats: &async_nats::Client,
        stream: &str,
        durable: &str,
        position: u64,
    ) -> Result<Self, String> {
        let mut context = jetstream::new(nats.clone());
        context.set_timeout(Duration::from_secs(3));
        let handle = context.get_stream(stream).await.map_err(|error| error.to_string())?;
        let config = pull::Config {
            durable_name: Some(durable.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: 4096,
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: position + 1 },
            ..pull::Config::default()
        };
        let consumer: PullConsumer =
            handle.get_or_create_consumer(durable, config).await.map_err(|error| error.to_string())?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(CHUNK * 2)
            .expires(Duration::from_secs(10))
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(|error| error.to_string())?
            .map(|message| message.map_err(|error| error.to_string()))
            .boxed()
            .ready_chunks(CHUNK);
        Ok(Self { context, stream: stream.to_owned(), durable: durable.to_owned(), messages })
    }

    /// The messages at hand, at least one. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Result<Vec<Message>, String> {
        let chunk = self.messages.next().await.ok_or("the consumer's stream ended")?;
        chunk.into_iter().collect()
    }

    /// Removes the consumer from the server; the next `open` makes a new one.
    pub(crate) async fn remove(self) -> Result<(), String> {
        tracing::warn!(
            consumer = self.durable,
            stream = self.stream,
            "a consumer fell silent and is made anew"
        );
        let removed = self.context.delete_consumer_from_stream(self.durable, self.stream).await;
        removed.map(drop).map_err(|error| error.to_string())
    }
}

/// Name of the consumer: unique among all services that read the stream.
pub(crate) fn durable_name(schema: &str, projection: &str) -> String {
    bus::stream_name(schema, projection)
}
