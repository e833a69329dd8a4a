use chrono::TimeDelta;
use kernel::Error;

use super::{Call, refused};
use crate::commands::Cx;
use crate::domain::oauth::client::Client;
use crate::domain::oauth::error::Code;
use crate::postgres::oauth::once;

/// Longer than a proof is young.
const REMEMBERED: TimeDelta = TimeDelta::minutes(5);

/// The thumbprint of the key that the caller has proven to hold (RFC 9449, section 4.3); none where
/// no proof is given and none is needed.
///
/// # Errors
/// `INVALID_DPOP_PROOF`.
pub(super) async fn key_of(cx: &Cx, call: &Call, client: &Client) -> Result<Option<String>, Error> {
    if call.proofs.is_empty() && client.metadata.dpop_bound_access_tokens {
        return Err(refused(Code::InvalidDpopProof, "The client has to prove that it holds a key"));
    }
    check(cx, &call.proofs, (&call.method, &call.url), None).await
}

/// As [`key_of`], of any caller; `access_token` is the one that comes with the proof.
pub(super) async fn check(
    cx: &Cx,
    proofs: &[String],
    (method, url): (&str, &str),
    access_token: Option<&str>,
) -> Result<Option<String>, Error> {
    let proof = match proofs {
        [] => return Ok(None),
        [proof] => proof,
        _ => return Err(refused(Code::InvalidDpopProof, "More than one proof is given")),
    };
    let context = auth::dpop::ProofContext { method, url, access_token, now: cx.clock.now() };
    let proven = auth::dpop::verify_proof(proof, context).map_err(|error| {
        tracing::debug!(%error, "a DPoP proof is refused");
        refused(Code::InvalidDpopProof, "The proof does not hold")
    })?;
    let until = cx.clock.now() + REMEMBERED;
    if !once::claim(cx.store.pool(), ("dpop", &proven.jkt, &proven.jti), until).await? {
        return Err(refused(Code::InvalidDpopProof, "The proof was used before"));
    }
    Ok(Some(proven.jkt))
}
