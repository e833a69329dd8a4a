use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use chrono::TimeDelta;
use eventstore::StoreError;
use kernel::Error;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::issue::{Issue, Tokens, sign};
use super::{CODE_LENGTH, Call, hash, proof, refused, revoke_grant};
use crate::commands::Cx;
use crate::domain::oauth::client::Client;
use crate::domain::oauth::error::{Code, OAuthError};
use crate::domain::oauth::scope;
use crate::postgres::oauth::grants::{self, Grant};
use crate::postgres::oauth::refresh_tokens::{self, StoredRefresh};

/// Whoever lost the answer may ask again for so long, and gets the same.
const GRACE: TimeDelta = TimeDelta::seconds(10);

/// RFC 6749, section 6, with rotation: each token is good once, and one that comes again later ends
/// the whole grant (RFC 9700, section 4.14.2).
pub(super) async fn refresh(cx: &Cx, client: &Client, call: &Call) -> Result<Tokens, Error> {
    let presented = Zeroizing::new(call.params.require("refresh_token")?.to_owned());
    let token_hash = hash(&presented);
    let found = refresh_tokens::find(cx.store.pool(), &token_hash).await?.ok_or_else(OAuthError::grant)?;
    let grant = grants::find(cx.store.pool(), &found.grant_id).await?;
    let grant = grant.filter(|grant| grant.client_id == client.id).ok_or_else(OAuthError::grant)?;
    let jkt = proof::key_of(cx, call, client).await?;
    if grant.jkt.is_some() && grant.jkt != jkt {
        return Err(refused(Code::InvalidDpopProof, "The token is bound to another key"));
    }
    let now = cx.clock.now();
    if found.expires_at <= now {
        return Err(OAuthError::grant().into());
    }
    // Before anything is answered, also a second time: who was banned meanwhile gets nothing.
    let user = cx.admit_grant(&grant, client).await?;
    if found.used_at.is_some() {
        return again(cx, &presented, &found).await;
    }
    let scopes = scope::narrowed(&call.params.words("scope"), &grant.scopes)?;
    let asked = call.params.resources();
    if asked.iter().any(|resource| !grant.resources.contains(resource)) {
        return Err(refused(Code::InvalidTarget, "The resource was not granted"));
    }
    let resources = if asked.is_empty() { grant.resources.clone() } else { asked };
    let narrowed = Grant { resources, ..grant };
    let issue = Issue {
        client,
        grant: &narrowed,
        scopes: &scopes,
        user: user.as_ref(),
        nonce: None,
        jkt: jkt.as_deref(),
        until: None,
    };
    let mut tokens = sign(cx, &issue).await?;
    tokens.refresh_token = Some(cx.entropy.alphanumeric(CODE_LENGTH));
    rotate(cx, &presented, (&token_hash, &narrowed.id), tokens).await
}

/// Of requests side by side one rotates, and the others get its answer.
async fn rotate(
    cx: &Cx,
    presented: &str,
    (token_hash, grant_id): (&[u8; 32], &str),
    tokens: Tokens,
) -> Result<Tokens, Error> {
    let now = cx.clock.now();
    let sealed = seal(cx, presented, &tokens)?;
    let successor = hash(tokens.refresh_token.as_deref().unwrap_or_default());
    let until = now + cx.lifetimes.session();
    let mut tx = cx.store.pool().begin().await.map_err(StoreError::from)?;
    let held = refresh_tokens::hold(&mut tx, token_hash).await?.ok_or_else(OAuthError::grant)?;
    // Revoked since it was looked at: a rotation must not bring it back.
    let grant = grants::find(&mut *tx, grant_id).await?.ok_or_else(OAuthError::grant)?;
    if grant.revoked_at.is_some() {
        return Err(OAuthError::grant().into());
    }
    if held.used_at.is_some() {
        tx.rollback().await.map_err(StoreError::from)?;
        return again(cx, presented, &held).await;
    }
    refresh_tokens::mark_used(&mut tx, token_hash, now, &sealed).await?;
    refresh_tokens::insert(&mut tx, &successor, grant_id, until).await?;
    grants::prolong(&mut tx, grant_id, until).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(tokens)
}

/// A token that was used before.
async fn again(cx: &Cx, presented: &str, used: &StoredRefresh) -> Result<Tokens, Error> {
    let lately = used.used_at.is_some_and(|at| cx.clock.now() - at < GRACE);
    if lately && let Some(tokens) = used.answer.as_deref().and_then(|sealed| open(presented, sealed)) {
        return Ok(tokens);
    }
    revoke_grant(&cx.books(), &used.grant_id, "refresh_replayed").await?;
    Err(OAuthError::grant().into())
}

/// Only with the token itself can its answer be opened: what is stored of it is a hash.
fn key(presented: &str) -> Option<LessSafeKey> {
    let mut hasher = Sha256::new();
    hasher.update(b"intellistack refresh answer v1\0");
    hasher.update(presented.as_bytes());
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(hasher.finalize().into());
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key[..]).ok()?))
}

fn seal(cx: &Cx, presented: &str, tokens: &Tokens) -> Result<Vec<u8>, Error> {
    let mut nonce = [0_u8; NONCE_LEN];
    cx.entropy.fill(&mut nonce);
    let mut sealed = serde_json::to_vec(tokens).map_err(|_| Error::internal())?;
    let key = key(presented).ok_or_else(Error::internal)?;
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
        .map_err(|_| Error::internal())?;
    Ok([&nonce[..], &sealed].concat())
}

fn open(presented: &str, sealed: &[u8]) -> Option<Tokens> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut opened = Zeroizing::new(ciphertext.to_vec());
    let plain = key(presented)?.open_in_place(nonce, Aad::empty(), &mut opened).ok()?;
    serde_json::from_slice(plain).ok()
}
