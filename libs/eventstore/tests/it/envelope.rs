//! The envelope of every published event, held still: consumers of other builds read it. Past
//! forms are added here and never changed.

use async_nats::HeaderMap;
use chrono::DateTime;
use eventstore::{RecordedEvent, RecordedMeta, bus};
use kernel::TraceParent;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn sample() -> RecordedEvent {
    RecordedEvent {
        store: "session".to_owned(),
        position: 42,
        stream: "session-Zoë 1%".to_owned(),
        version: 3,
        event_type: "session.revoked".to_owned(),
        schema: 1,
        data: vec![10, 3, 97, 98, 99],
        meta: RecordedMeta {
            actor: Some("usr-1".to_owned()),
            traceparent: TraceParent::parse(TRACE),
            ..RecordedMeta::default()
        },
        at: DateTime::from_timestamp_micros(1_767_603_600_123_456).unwrap(),
    }
}

const FORM_1: &str = "\
Nats-Expected-Last-Sequence: 41
Nats-Expected-Stream: test-session
Nats-Msg-Id: session:42
ce-actor: usr-1
ce-id: session:42
ce-schemaversion: 1
ce-source: /test/session
ce-specversion: 1.0
ce-streamversion: 3
ce-subject: session-Zo%C3%AB%201%25
ce-time: 2026-01-05T09:00:00.123456Z
ce-traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
ce-type: session.revoked
content-type: application/protobuf
traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn the_envelope_is_written_as_ever() {
    let headers = bus::headers("test", &sample());
    let mut lines: Vec<String> = headers
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| format!("{name}: {}", value.as_str())))
        .collect();
    lines.sort();
    assert_eq!(lines.join("\n"), FORM_1);
    assert_eq!(bus::subject("test", "session", "session.revoked"), "test.session.session.revoked");
    assert_eq!(bus::stream_name("test.eu", "session"), "test-eu-session");
}

#[test]
fn every_past_envelope_is_read() {
    let mut headers = HeaderMap::new();
    for line in FORM_1.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        headers.insert(name, value);
    }
    let mut event = sample();
    assert_eq!(bus::parse("session", Some(&headers), &event.data), Ok(event.clone()));
    // Of another store, or of nobody.
    assert!(bus::parse("identity", Some(&headers), &event.data).is_err());
    assert!(bus::parse("session", None, &event.data).is_err());
    // Without the optional ones.
    event.meta = RecordedMeta::default();
    let headers = bus::headers("test", &event);
    assert_eq!(bus::parse("session", Some(&headers), &event.data), Ok(event));
}
