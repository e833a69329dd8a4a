//! The wire between services: messages, clients and servers generated from `proto/`, and the one
//! place where [`kernel::Error`] becomes a gRPC status and back.

mod convert;
mod status;

pub use convert::{millis, millis_opt, time, time_opt, timestamp, timestamp_opt};
pub use status::{from_status, to_status};

/// Generated code: one module per protobuf package.
#[expect(clippy::pedantic, clippy::allow_attributes, clippy::too_many_lines, reason = "generated")]
mod generated {
    macro_rules! packages {
        ($($name:ident = $package:literal;)+) => {$(
            pub mod $name { pub mod v1 { tonic::include_proto!($package); } }
        )+};
    }
    packages! {
        common = "intellistack.common.v1";
        eventlog = "intellistack.eventlog.v1";
        identity = "intellistack.identity.v1";
        session = "intellistack.session.v1";
        curriculum = "intellistack.curriculum.v1";
        chat_thread = "intellistack.chat_thread.v1";
        tutor_agent = "intellistack.tutor_agent.v1";
        rate_limit = "intellistack.rate_limit.v1";
        usage_metrics = "intellistack.usage_metrics.v1";
    }
    pub mod events {
        packages! {
            identity = "intellistack.events.identity.v1";
            session = "intellistack.events.session.v1";
            curriculum = "intellistack.events.curriculum.v1";
            chat_thread = "intellistack.events.chat_thread.v1";
            tutor_agent = "intellistack.events.tutor_agent.v1";
            rate_limit = "intellistack.events.rate_limit.v1";
        }
    }
}

pub use generated::chat_thread::v1 as chat_thread;
pub use generated::common::v1 as common;
pub use generated::curriculum::v1 as curriculum;
pub use generated::eventlog::v1 as eventlog;
pub use generated::identity::v1 as identity;
pub use generated::rate_limit::v1 as rate_limit;
pub use generated::session::v1 as session;
pub use generated::tutor_agent::v1 as tutor_agent;
pub use generated::usage_metrics::v1 as usage_metrics;

/// Event messages, by the store that owns them.
pub mod events {
    pub use super::generated::events::chat_thread::v1 as chat_thread;
    pub use super::generated::events::curriculum::v1 as curriculum;
    pub use super::generated::events::identity::v1 as identity;
    pub use super::generated::events::rate_limit::v1 as rate_limit;
    pub use super::generated::events::session::v1 as session;
    pub use super::generated::events::tutor_agent::v1 as tutor_agent;
}
