/// An event that is about to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The stored type, an explicit constant such as `session.revoked`; never derived from a Rust
    /// name, since it outlives every refactoring.
    pub event_type: &'static str,
    /// Version of the type's shape, from 1.
    pub schema: u32,
    /// Protobuf bytes, the same in the store and on the bus.
    pub data: Vec<u8>,
}

/// Bytes in the log that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("unknown event type {event_type} schema {schema}")]
    UnknownType { event_type: String, schema: u32 },
    #[error("event {event_type} schema {schema} does not decode: {detail}")]
    Malformed { event_type: String, schema: u32, detail: String },
}

/// The events of one kind of stream, as stored. Implemented by [`events!`](crate::events).
pub trait EventCodec: Sized {
    fn encode(&self) -> NewEvent;

    /// # Errors
    /// [`CodecError::UnknownType`] for a type that is not of this stream, `Malformed` for bytes
    /// that are no message of that type.
    fn decode(event_type: &str, schema: u32, data: &[u8]) -> Result<Self, CodecError>;
}

/// Declares a stream's events: one variant each, the protobuf message it carries, the stored
/// type and its schema version.
///
/// ```ignore
/// kernel::events! {
///     /// What happens to a quota.
///     pub enum Event {
///         Reserved(QuotaReserved) = "quota.reserved" @ 1,
///     }
/// }
/// ```
#[macro_export]
macro_rules! events {
    ($(#[$doc:meta])* $vis:vis enum $name:ident {
        $($(#[$vdoc:meta])* $variant:ident($message:ty) = $event_type:literal @ $schema:literal),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        $vis enum $name { $($(#[$vdoc])* $variant($message)),+ }

        impl $crate::EventCodec for $name {
            fn encode(&self) -> $crate::NewEvent {
                use $crate::reexport::prost::Message as _;
                match self {
                    $(Self::$variant(message) => $crate::NewEvent {
                        event_type: $event_type,
                        schema: $schema,
                        data: message.encode_to_vec(),
                    }),+
                }
            }

            fn decode(event_type: &str, schema: u32, data: &[u8]) -> Result<Self, $crate::CodecError> {
                use $crate::reexport::prost::Message as _;
                match (event_type, schema) {
                    $(($event_type, $schema) => <$message>::decode(data).map(Self::$variant).map_err(|error| {
                        $crate::CodecError::Malformed { event_type: event_type.to_owned(), schema, detail: error.to_string() }
                    })),+,
                    _ => Err($crate::CodecError::UnknownType { event_type: event_type.to_owned(), schema }),
                }
            }
        }
    };
}
