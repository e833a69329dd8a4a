//! The provider's use cases. Protocol errors are kernel errors whose reason is the protocol's code.

mod authorize;
mod back_channel;
mod client_auth;
mod client_keys;
mod clients;
mod code;
mod consents;
mod credentials;
mod device;
mod end_session;
mod inspect;
mod issue;
mod proof;
mod push;
mod redeem;
mod refresh;
mod revoke;
mod token;
mod userinfo;

use kernel::Error;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::Cx;
use crate::domain::oauth::error::{Code, OAuthError};
use crate::domain::oauth::params::Params;
use crate::postgres::oauth::grants::Grant;

pub(crate) use authorize::{Authorize, Outcome, authorize, describe};
pub(crate) use back_channel::{BackChannelLogout, notify};
pub(crate) use client_auth::authenticate;
pub(crate) use client_keys::ClientKeys;
pub(crate) use clients::{Made, create_client, delete_client, rotate_secret, update_client};
pub(crate) use consents::withdraw_consent;
pub(crate) use device::{decide_device, describe_device, start_device};
pub(crate) use end_session::{EndSession, Ended, end_session};
pub(crate) use inspect::introspect;
pub(crate) use issue::Tokens;
pub(crate) use push::push;
pub(crate) use revoke::{revoke_grant, revoke_token};
pub(crate) use token::token;
pub(crate) use userinfo::{UserInfo, userinfo};

/// What is made of random letters and digits: 143 bits and more each.
const ID_LENGTH: usize = 24;
const CODE_LENGTH: usize = 43;

/// A client's call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) params: Params,
    /// `Authorization: Basic`: id and secret.
    pub(crate) basic: Option<(String, SecretString)>,
    /// Headers `DPoP`.
    pub(crate) proofs: Vec<String>,
    pub(crate) method: String,
    pub(crate) url: String,
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Cx {
    /// The user of a grant that is still good, as identity knows them now; none for a client that
    /// acts for itself.
    async fn admit_grant(
        &self,
        grant: &Grant,
        client: &crate::domain::oauth::client::Client,
    ) -> Result<Option<api::identity::User>, Error> {
        if grant.revoked_at.is_some() || client.metadata.disabled {
            return Err(OAuthError::grant().into());
        }
        let Some(user_id) = &grant.user_id else { return Ok(None) };
        let user = self.users.get(user_id).await.map_err(|error| match error.code {
            kernel::ErrorCode::NotFound => OAuthError::grant().into(),
            _ => error,
        })?;
        let session = grant.session_id.clone().unwrap_or_else(|| kernel::SessionId::from(""));
        let same = crate::domain::session::still_has(&user, &session, grant.epoch);
        if !same || !client.admits(user.role().to_kernel().as_str()) {
            return Err(OAuthError::grant().into());
        }
        Ok(Some(user))
    }
}

/// The session behind a token, with its user; none where there is no live one.
async fn person(
    cx: &Cx,
    token: Option<&SecretString>,
) -> Result<Option<(crate::domain::session::Session, api::identity::User)>, Error> {
    let Some(token) = token.filter(|token| !token.expose_secret().is_empty()) else { return Ok(None) };
    let found = crate::postgres::sessions::find_by_token_hash(cx.store.pool(), &super::hash(token)).await?;
    let Some(session) = found else { return Ok(None) };
    match cx.admit(&session).await {
        Ok(user) => Ok(Some((session, user))),
        Err(error) if error.code == kernel::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn refused(code: Code, description: &'static str) -> Error {
    OAuthError::new(code, description).into()
}
