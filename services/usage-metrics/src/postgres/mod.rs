pub(crate) mod ai_usage;
pub(crate) mod auth_events;
