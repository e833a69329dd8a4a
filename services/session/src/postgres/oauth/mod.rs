//! Tables of the provider: applications, consents, codes, grants and what is good once.

pub(crate) mod clients;
pub(crate) mod codes;
pub(crate) mod consents;
pub(crate) mod devices;
pub(crate) mod grants;
pub(crate) mod housekeeping;
pub(crate) mod once;
pub(crate) mod refresh_tokens;
