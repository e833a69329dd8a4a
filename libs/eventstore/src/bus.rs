//! The envelope: an event as a message on the bus, in CloudEvents 1.0 binary mode (CloudEvents
//! NATS protocol binding, section 3.1): attributes in headers, the protobuf bytes as the body.
//!
//! Golden bytes in `tests/envelope.rs` hold it still: consumers of another build read it.

use async_nats::header::{self, HeaderMap};
use chrono::{DateTime, SecondsFormat, Utc};
use kernel::TraceParent;

use crate::{RecordedEvent, RecordedMeta};

/// Name of a store's JetStream stream: `<namespace>-<store>`.
pub fn stream_name(namespace: &str, store: &str) -> String {
    // Dots and wildcards may not stand in a stream's name.
    format!("{namespace}-{store}")
        .replace(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')), "-")
}

/// Subject of an event: `<namespace>.<store>.<event type>`.
pub fn subject(namespace: &str, store: &str, event_type: &str) -> String {
    format!("{namespace}.{store}.{event_type}")
}

/// Identity of an event on the bus: `<store>:<position>`.
pub fn message_id(store: &str, position: u64) -> String {
    format!("{store}:{position}")
}

/// The event's headers, with those that make the server refuse it anywhere but right behind its
/// predecessor (ADR 0002).
pub fn headers(namespace: &str, event: &RecordedEvent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let id = message_id(&event.store, event.position);
    headers.insert(header::NATS_MESSAGE_ID, id.as_str());
    headers.insert(header::NATS_EXPECTED_STREAM, stream_name(namespace, &event.store));
    headers.insert(header::NATS_EXPECTED_LAST_SEQUENCE, event.position.saturating_sub(1).to_string());
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", id);
    headers.insert("ce-source", format!("/{namespace}/{}", event.store));
    headers.insert("ce-type", event.event_type.as_str());
    headers.insert("ce-time", event.at.to_rfc3339_opts(SecondsFormat::Micros, true));
    headers.insert("ce-subject", escape(&event.stream));
    headers.insert("ce-streamversion", event.version.to_string());
    headers.insert("ce-schemaversion", event.schema.to_string());
    headers.insert("content-type", "application/protobuf");
    if let Some(actor) = &event.meta.actor {
        headers.insert("ce-actor", escape(actor));
    }
    if let Some(subject) = &event.meta.subject {
        headers.insert("ce-subjectkey", escape(subject));
    }
    if let Some(sealed) = &event.meta.sealed {
        headers.insert("ce-sealed", sealed.as_str());
    }
    if let Some(trace) = &event.meta.traceparent {
        headers.insert("ce-traceparent", trace.as_str());
        headers.insert("traceparent", trace.as_str());
    }
    headers
}

/// A message that is no event of this envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message header {0} is missing or unreadable")]
pub struct EnvelopeError(&'static str);

/// The event in a message of `store`'s stream.
///
/// # Errors
/// [`EnvelopeError`] with the header that is missing or wrong.
pub fn parse(
    store: &str,
    headers: Option<&HeaderMap>,
    payload: &[u8],
) -> Result<RecordedEvent, EnvelopeError> {
    let text = |name: &'static str| {
        headers
            .and_then(|headers| headers.get(name))
            .map(header::HeaderValue::as_str)
            .ok_or(EnvelopeError(name))
    };
    let number = |name: &'static str| text(name)?.parse::<u64>().map_err(|_| EnvelopeError(name));
    let position = text("ce-id")?
        .strip_prefix(store)
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|position| position.parse().ok())
        .ok_or(EnvelopeError("ce-id"))?;
    let at: DateTime<Utc> = text("ce-time")?.parse().map_err(|_| EnvelopeError("ce-time"))?;
    Ok(RecordedEvent {
        store: store.to_owned(),
        position,
        stream: unescape(text("ce-subject")?).ok_or(EnvelopeError("ce-subject"))?,
        version: number("ce-streamversion")?,
        event_type: text("ce-type")?.to_owned(),
        schema: u32::try_from(number("ce-schemaversion")?).map_err(|_| EnvelopeError("ce-schemaversion"))?,
        data: payload.to_vec(),
        meta: RecordedMeta {
            actor: text("ce-actor").ok().and_then(unescape),
            traceparent: text("ce-traceparent").ok().and_then(TraceParent::parse),
            subject: text("ce-subjectkey").ok().and_then(unescape),
            sealed: text("ce-sealed").ok().map(str::to_owned),
        },
        at,
    })
}

/// Percent-encodes what may not stand in a header (CloudEvents HTTP binding, section 3.1.3.2).
fn escape(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'%') {
            out.push(char::from(byte));
        } else {
            out.extend([
                '%',
                char::from(HEX[usize::from(byte >> 4)]),
                char::from(HEX[usize::from(byte & 15)]),
            ]);
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_a_header() {
        for text in ["session-abc", "Zoë \"the\" 100 %\r\n", ""] {
            assert_eq!(unescape(&escape(text)).as_deref(), Some(text));
            assert!(escape(text).bytes().all(|byte| byte.is_ascii_graphic()));
        }
        assert_eq!(unescape("%zz"), None);
        assert_eq!(unescape("%4"), None);
    }
}
