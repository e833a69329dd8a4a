//! The inline tables: plain rows, no rules.

pub(crate) mod credentials;
pub(crate) mod guards;
pub(crate) mod links;
pub(crate) mod mailed_tokens;
pub(crate) mod social_states;
pub(crate) mod users;
