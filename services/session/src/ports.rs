//! The outside world.

use api::identity::identity_client::IdentityClient;
use api::identity::{GetUserRequest, User};
use kernel::{Error, UserId};
use runtime::PeerChannel;

/// Where users are asked for. Never kept: a change of role or address shows at the next request.
#[derive(Clone)]
pub(crate) struct Users(IdentityClient<PeerChannel>);

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Users")
    }
}

impl Users {
    pub(crate) fn new(channel: PeerChannel) -> Self {
        Self(IdentityClient::new(channel))
    }

    /// # Errors
    /// `USER_NOT_FOUND`, or unavailable when identity is away.
    pub(crate) async fn get(&self, id: &UserId) -> Result<User, Error> {
        let request = GetUserRequest { user_id: id.to_string() };
        let answer = self.0.clone().get_user(request).await.map_err(|status| api::from_status(&status))?;
        answer.into_inner().user.ok_or_else(Error::internal)
    }
}
