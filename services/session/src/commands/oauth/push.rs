use chrono::TimeDelta;
use kernel::Error;

use super::{CODE_LENGTH, Call, authenticate, hash, proof, refused};
use crate::commands::Cx;
use crate::domain::oauth::error::{Code, OAuthError};
use crate::domain::oauth::params::Params;
use crate::domain::oauth::request::{AuthorizationRequest, ReplyTo};
use crate::postgres::oauth::once;

pub(super) const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// Signing in may lie between pushing a request and its answer.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// What proves the client is no part of the request.
const OF_THE_CALL: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// A request that the client sends itself (RFC 9126): its reference, and for how many seconds it is
/// good.
///
/// # Errors
/// What the authorization endpoint would answer.
pub(crate) async fn push(cx: &Cx, call: &Call) -> Result<(String, i64), Error> {
    let client = authenticate(cx, call).await?;
    // RFC 9126, section 2.1.
    if call.params.get("request_uri").is_some() {
        return Err(OAuthError::request("A request_uri cannot be pushed").into());
    }
    let jkt = proof::check(cx, &call.proofs, (&call.method, &call.url), None).await?;
    let mut pairs: Vec<(String, String)> = call.params.pairs().to_vec();
    pairs.retain(|(name, _)| !OF_THE_CALL.contains(&name.as_str()));
    // RFC 9449, section 10.1.
    match (call.params.get("dpop_jkt"), jkt) {
        (Some(named), Some(proven)) if named != proven => {
            return Err(refused(Code::InvalidDpopProof, "The proof is of another key than dpop_jkt"));
        }
        (None, Some(proven)) => pairs.push(("dpop_jkt".to_owned(), proven)),
        _ => {}
    }
    if !pairs.iter().any(|(name, _)| name == "client_id") {
        pairs.push(("client_id".to_owned(), client.id.clone()));
    }
    let params = Params::read(pairs)?;
    ReplyTo::read(&params, &client)?;
    AuthorizationRequest::read(&params, &client)?;
    let reference = format!("{PREFIX}{}", cx.entropy.alphanumeric(CODE_LENGTH));
    let until = cx.clock.now() + LIFETIME;
    once::push(cx.store.pool(), &hash(&reference), &client.id, params.pairs(), until).await?;
    Ok((reference, LIFETIME.num_seconds()))
}
