//! P3: the bus holds a prefix of the log, whatever happens to either.

use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::{self, stream::Stream};
use eventstore::{RecordedEvent, bus};
use testkit::TestNats;

use crate::support::{NAMESPACE, Running, World, reported, world};

async fn stream(nats: &TestNats) -> Stream {
    let context = jetstream::new(nats.client().await);
    testkit::eventually("the stream", || async { context.get_stream("test-thing").await.ok() }).await
}

/// Everything on the bus, in its order, as the server has it.
async fn on_the_bus(nats: &TestNats) -> Vec<RecordedEvent> {
    let stream = stream(nats).await;
    let state = stream.get_info().await.unwrap().state;
    let mut events = Vec::new();
    for sequence in 1..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let event = bus::parse("thing", Some(&message.headers), &message.payload).unwrap();
        assert_eq!(event.position, sequence);
        assert_eq!(message.subject.as_str(), bus::subject(NAMESPACE, "thing", &event.event_type));
        events.push(event);
    }
    events
}

async fn assert_level(world: &World, nats: &TestNats, head: usize) {
    let log = world.log().await;
    assert_eq!(log.len(), head);
    assert!(on_the_bus(nats).await == log, "the bus is not the log");
}

#[tokio::test]
async fn the_bus_is_the_log_with_its_envelope() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(nats.client().await));
    let mut meta = world.meta();
    meta.actor = Some("Zoë".to_owned());
    meta.traceparent = kernel::TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    crate::support::append_to(&world.store, "thing-ü", "first", &meta).await;
    world.append_many(600).await;
    reported(&status, "published", |report| report.published == 601).await;
    assert_level(&world, &nats, 601).await;
    assert_eq!(world.log().await[0].meta.actor.as_deref(), Some("Zoë"));
    assert!(status.ready().is_ok());
    running.stop().await;
}

#[tokio::test]
async fn the_server_refuses_a_second_relay_a_gap_and_a_stale_event() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(nats.client().await));
    world.append_many(10).await;
    reported(&status, "published", |report| report.published == 10).await;
    let context = jetstream::new(nats.client().await);
    let log = world.log().await;
    let send = async |position: u64, id: &str| {
        let mut event = log[4].clone();
        event.position = position;
        let mut headers = bus::headers(NAMESPACE, &event);
        headers.insert("Nats-Msg-Id", id);
        let ack = context.publish_with_headers("test.thing.thing.done", headers, "x".into()).await.unwrap();
        ack.await.map(|ack| (ack.sequence, ack.duplicate)).map_err(|error| error.kind())
    };
    assert_eq!(send(5, "thing:5").await, Err(PublishErrorKind::WrongLastSequence), "a repetition");
    assert_eq!(send(5, "another").await, Err(PublishErrorKind::WrongLastSequence), "a stale event");
    assert_eq!(send(12, "thing:12").await, Err(PublishErrorKind::WrongLastSequence), "a gap");
    world.append_many(10).await;
    reported(&status, "published", |report| report.published == 20).await;
    assert_level(&world, &nats, 20).await;
    running.stop().await;
}

#[tokio::test]
async fn the_relay_recovers_by_itself_when_the_bus_is_killed_and_when_its_disk_is_lost() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(nats.client().await));
    world.append_many(50).await;
    reported(&status, "published", |report| report.published == 50).await;

    nats.kill();
    world.append_many(50).await;
    reported(&status, "sequenced without a bus", |report| report.head == 100).await;
    reported(&status, "the outage is reported", |report| report.bus.is_some()).await;
    assert!(status.ready().is_err());
    nats.start().await;
    reported(&status, "published", |report| report.published == 100 && report.bus.is_none()).await;
    assert_level(&world, &nats, 100).await;

    nats.kill();
    nats.wipe();
    nats.start().await;
    world.append_many(1).await;
    reported(&status, "refilled", |report| report.published == 101 && report.bus.is_none()).await;
    assert_level(&world, &nats, 101).await;
    running.stop().await;
}

#[tokio::test]
async fn a_bus_that_is_behind_is_completed_and_one_that_diverged_is_replaced() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(nats.client().await));
    world.append_many(30).await;
    reported(&status, "published", |report| report.published == 30).await;
    running.stop().await;

    // The log goes on without a relay; then somebody else writes into the stream.
    let log = world.log().await;
    let context = jetstream::new(nats.client().await);
    let mut foreign = log[0].clone();
    foreign.position = 31;
    let ack =
        context.publish_with_headers("test.thing.thing.done", bus::headers(NAMESPACE, &foreign), "y".into());
    ack.await.unwrap().await.unwrap();
    world.append_many(5).await;

    let mut running = Running::default();
    let status = running.publish(world.publisher(nats.client().await));
    reported(&status, "replaced", |report| report.published == 35).await;
    assert_level(&world, &nats, 35).await;
    running.stop().await;

    // The stream is gone, or was never complete.
    context.delete_stream("test-thing").await.unwrap();
    let mut running = Running::default();
    let status = running.publish(world.publisher(nats.client().await));
    reported(&status, "filled again", |report| report.published == 35).await;
    assert_level(&world, &nats, 35).await;
    running.stop().await;
}

#[tokio::test]
async fn a_bus_that_takes_smaller_messages_than_the_store_is_reported() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    let store = world.store.clone().with_max_event_bytes(8 * 1024 * 1024);
    let publisher = eventstore::Publisher::new(store, nats.client().await, NAMESPACE, world.clock.clone());
    let status = running.publish(publisher);
    let report =
        tokio::time::timeout(Duration::from_secs(10), status.wait_for(|report| report.bus.is_some()));
    assert!(report.await.unwrap().bus.unwrap().contains("takes messages of 1048576 bytes"));
    running.stop().await;
}
