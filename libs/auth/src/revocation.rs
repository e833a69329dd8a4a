use std::sync::Arc;

use async_trait::async_trait;

use crate::{Claims, Revocations};

/// Nobody can tell now whether the token is still good: answer 503, not 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be told whether the access token was revoked")]
pub struct Unavailable;

/// What a resource server knows of tokens that ended before they expired.
#[async_trait]
pub trait RevocationCheck: Send + Sync + std::fmt::Debug {
    /// Has this token, which verified and says `claims`, ended?
    ///
    /// # Errors
    /// [`Unavailable`], when that cannot be told.
    async fn is_revoked(&self, claims: &Claims, token: &str) -> Result<bool, Unavailable>;
}

/// Believes every token until it expires: what a sign-out, a ban or a new role changes is seen only
/// when the bearer's next token is made, up to `ACCESS_TOKEN_HOURS` later. For what may be late.
#[derive(Debug, Clone, Copy, Default)]
pub struct UntilExpiry;

#[async_trait]
impl RevocationCheck for UntilExpiry {
    async fn is_revoked(&self, _: &Claims, _: &str) -> Result<bool, Unavailable> {
        Ok(false)
    }
}

/// What its owner fed it. Whether that is all there is to know is the owner's to say.
#[async_trait]
impl RevocationCheck for Revocations {
    async fn is_revoked(&self, claims: &Claims, _: &str) -> Result<bool, Unavailable> {
        Ok(self.has_ended(claims))
    }
}

#[async_trait]
impl<T: RevocationCheck + ?Sized> RevocationCheck for Arc<T> {
    async fn is_revoked(&self, claims: &Claims, token: &str) -> Result<bool, Unavailable> {
        (**self).is_revoked(claims, token).await
    }
}
