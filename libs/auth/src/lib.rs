//! Verification of IntelliStack access tokens by a resource server.
//!
//! ```ignore
//! let keys = JwksCache::new(source, clock.clone());
//! let verifier = Verifier::new(keys, issuer, audience, clock);
//! let claims = verifier.verify(bearer).await?;
//! ```
//!
//! RS256 only (RFC 8725, section 3.1); `iss`, `aud`, `exp`, `nbf` and `typ` are checked. Keys are
//! kept for five minutes and longer when the issuer is away: a known key goes on verifying, and
//! only a server that never saw a key answers that it cannot tell.

mod claims;
pub mod dpop;
mod introspection;
mod jwks;
mod revocations;
mod verifier;

pub use claims::{Actor, Claims, Confirmation};
pub use introspection::introspection;
pub use jwks::{JwksCache, JwksError, JwksSource};
pub use revocations::{LONGEST_TOKEN, Revocations};
pub use verifier::{TokenError, Verifier};
