use chrono::TimeDelta;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kernel::Error;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{Call, hash};
use crate::commands::Cx;
use crate::domain::oauth::client::{AuthMethod, Client};
use crate::domain::oauth::error::OAuthError;
use crate::postgres::oauth::{clients, once};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];
/// An assertion is good for one call. Some clients write an hour into all of them.
const LONGEST_ASSERTION: TimeDelta = TimeDelta::hours(1);
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// How a client says who it is.
enum Presented<'a> {
    Nothing,
    Secret(AuthMethod, &'a SecretString),
    Assertion(&'a str),
}

/// The claims of an assertion (RFC 7523, section 3).
#[derive(Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    aud: OneOrMany,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    iat: Option<i64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// The client of a call, by the one method that it has registered (RFC 6749, section 2.3).
///
/// # Errors
/// `INVALID_CLIENT`, one for all that can be wrong; `INVALID_REQUEST` for two methods at once.
pub(crate) async fn authenticate(cx: &Cx, call: &Call) -> Result<Client, Error> {
    let body_secret = call.params.get("client_secret").map(|secret| SecretString::from(secret.to_owned()));
    let (id, presented) = presented(call, body_secret.as_ref())?;
    let found = clients::find(cx.store.pool(), &id).await?;
    let client = found.filter(|client| !client.metadata.disabled).ok_or_else(OAuthError::client)?;
    let proven = match (client.metadata.token_endpoint_auth_method, presented) {
        (AuthMethod::None, Presented::Nothing) => true,
        (AuthMethod::PrivateKeyJwt, Presented::Assertion(assertion)) => {
            by_assertion(cx, &client, call, assertion).await?
        }
        (registered, Presented::Secret(used, secret)) => registered == used && knows(&client, secret),
        _ => false,
    };
    if proven { Ok(client) } else { Err(OAuthError::client().into()) }
}

fn presented<'a>(
    call: &'a Call,
    body_secret: Option<&'a SecretString>,
) -> Result<(String, Presented<'a>), OAuthError> {
    let params = &call.params;
    let assertion = params.get("client_assertion");
    let ways = usize::from(call.basic.is_some())
        + usize::from(body_secret.is_some())
        + usize::from(assertion.is_some());
    if ways > 1 {
        return Err(OAuthError::request("The client proves who it is in two ways at once"));
    }
    let named = params.get("client_id");
    if let Some((id, secret)) = &call.basic {
        if named.is_some_and(|named| named != id) {
            return Err(OAuthError::request("Two clients are named"));
        }
        return Ok((id.clone(), Presented::Secret(AuthMethod::ClientSecretBasic, secret)));
    }
    if let Some(assertion) = assertion {
        if params.get("client_assertion_type") != Some(ASSERTION) {
            return Err(OAuthError::request("The client_assertion_type is unknown"));
        }
        // Only to find its keys by; verified with them below.
        let unverified = jsonwebtoken::dangerous::insecure_decode::<Assertion>(assertion);
        let claims = unverified.map_err(|_| OAuthError::client())?.claims;
        if named.is_some_and(|named| named != claims.sub) {
            return Err(OAuthError::client());
        }
        return Ok((claims.sub, Presented::Assertion(assertion)));
    }
    let id = named.ok_or_else(OAuthError::client)?.to_owned();
    Ok((
        id,
        body_secret
            .map_or(Presented::Nothing, |secret| Presented::Secret(AuthMethod::ClientSecretPost, secret)),
    ))
}

fn knows(client: &Client, secret: &SecretString) -> bool {
    let presented = hash(secret.expose_secret());
    client.secret_hash.is_some_and(|known| bool::from(known.ct_eq(&presented)))
}

async fn by_assertion(cx: &Cx, client: &Client, call: &Call, assertion: &str) -> Result<bool, Error> {
    let Ok(header) = jsonwebtoken::decode_header(assertion) else { return Ok(false) };
    if !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
        return Ok(false);
    }
    let kid = header.kid.as_deref();
    let keys = cx.client_keys.of(client, kid, (&cx.outbound, &*cx.clock)).await?;
    let Some(claims) = candidates(&keys, kid).find_map(|key| verify(assertion, key, header.alg)) else {
        return Ok(false);
    };
    let now = cx.clock.now();
    let until = now + LONGEST_ASSERTION;
    let in_time = claims.exp > (now - LEEWAY).timestamp()
        && claims.exp <= (until + LEEWAY).timestamp()
        && [claims.nbf, claims.iat].into_iter().flatten().all(|from| from <= (now + LEEWAY).timestamp());
    // The issuer, or the endpoint that is called (RFC 7523, section 3; RFC 9126, section 2).
    let accepted = [cx.issuer.issuer().to_owned(), cx.issuer.endpoint("token"), call.url.clone()];
    let for_us = match &claims.aud {
        OneOrMany::One(aud) => accepted.contains(aud),
        OneOrMany::Many(all) => all.iter().any(|aud| accepted.contains(aud)),
    };
    let named = claims.iss == client.id && claims.sub == client.id && !claims.jti.is_empty();
    if !(in_time && for_us && named) {
        return Ok(false);
    }
    Ok(once::claim(cx.store.pool(), ("assertion", &client.id, &claims.jti), until + LEEWAY).await?)
}

/// The key that is named, or all where none is.
fn candidates<'a>(keys: &'a JwkSet, kid: Option<&'a str>) -> impl Iterator<Item = &'a Jwk> {
    keys.keys.iter().filter(move |key| kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid)))
}

fn verify(assertion: &str, jwk: &Jwk, algorithm: Algorithm) -> Option<Assertion> {
    let key = DecodingKey::from_jwk(jwk).ok()?;
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    Some(jsonwebtoken::decode::<Assertion>(assertion, &key, &validation).ok()?.claims)
}
