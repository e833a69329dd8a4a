//! Signing in at another provider, and what is done with the accounts there.

mod begin;
mod complete;
mod id_token;
mod identify;
mod tokens;

pub(crate) use begin::{Begin, begin};
pub(crate) use complete::{Answer, complete};
pub(crate) use id_token::{WithIdToken, sign_in_with_id_token};
pub(crate) use tokens::{Wanted, account_info, provider_tokens};

use super::Cx;
use crate::social::Providers;

/// What these commands work with.
#[derive(Debug, Clone)]
pub(crate) struct SocialCx {
    pub(crate) cx: Cx,
    pub(crate) providers: Providers,
}
