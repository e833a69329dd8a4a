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
//!
//! Feature `http` brings the issuer's keys and introspection over HTTP, `axum` and `tonic` what a
//! server of theirs puts before its handlers.

#[cfg(feature = "axum")]
pub mod axum;
mod claims;
mod compact;
pub mod dpop;
#[cfg(feature = "http")]
pub mod http;
mod introspection;
mod jwks;
mod revocation;
mod revocations;
#[cfg(any(feature = "axum", feature = "tonic"))]
mod server;
#[cfg(feature = "tonic")]
pub mod tonic;
mod verifier;

pub use claims::{Actor, Claims, Confirmation};
pub use dpop::{Proof, ProofContext, ProofError, ReplayCache, verify_proof};
pub use introspection::introspection;
pub use jwks::{JwksCache, JwksError, JwksSource};
pub use revocation::{RevocationCheck, Unavailable, UntilExpiry};
pub use revocations::{LONGEST_TOKEN, Revocations};
#[cfg(any(feature = "axum", feature = "tonic"))]
pub use server::{Refusal, ResourceServer};
pub use verifier::{BoundError, TokenError, Verifier};
