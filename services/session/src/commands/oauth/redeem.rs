use api::events::session::GrantIssued;
use chrono::{DateTime, Utc};
use kernel::{Error, SessionId, UserId};

use super::issue::{Issue, Tokens, sign};
use super::{CODE_LENGTH, hash};
use crate::commands::{Actor, Cx};
use crate::domain::oauth::Event;
use crate::domain::oauth::claims_request::ClaimsRequest;
use crate::domain::oauth::client::{Client, GrantType};
use crate::domain::oauth::error::OAuthError;
use crate::domain::oauth::scope;
use crate::domain::session::Origin;
use crate::postgres::oauth::grants::{self, Grant};
use crate::postgres::oauth::{codes, devices, refresh_tokens};
use crate::postgres::sessions;

/// What a person has agreed to, at the moment in which the client fetches its tokens.
pub(super) struct Redemption<'a> {
    pub(super) client: &'a Client,
    pub(super) once: Once<'a>,
    pub(super) grant_id: String,
    pub(super) user_id: UserId,
    pub(super) session_id: SessionId,
    pub(super) epoch: u64,
    pub(super) auth_time: DateTime<Utc>,
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) claims: ClaimsRequest,
    pub(super) nonce: Option<String>,
    pub(super) jkt: Option<String>,
}

/// What is used up by it.
#[derive(Clone, Copy)]
pub(super) enum Once<'a> {
    Code(&'a [u8; 32]),
    Device(&'a [u8]),
}

/// What came of it.
pub(super) enum Redeemed {
    Tokens(Box<Tokens>),
    /// Somebody was faster.
    UsedBefore,
}

/// Makes the grant and its tokens in the transaction that uses up the code.
pub(super) async fn redeem(cx: &Cx, redemption: Redemption<'_>, origin: &Origin) -> Result<Redeemed, Error> {
    let Redemption { client, once, grant_id, session_id, .. } = &redemption;
    let found = sessions::find(cx.store.pool(), session_id).await?.ok_or_else(OAuthError::grant)?;
    let user = cx.admit(&found).await.map_err(|error| match error.code {
        kernel::ErrorCode::NotFound => OAuthError::grant().into(),
        _ => error,
    })?;
    if found.epoch != redemption.epoch || !client.admits(user.role().to_kernel().as_str()) {
        return Err(OAuthError::grant().into());
    }
    let now = cx.clock.now();
    let offline = scope::contains(&redemption.scopes, scope::OFFLINE) && client.may(GrantType::RefreshToken);
    let grant = grant(&redemption, now);
    let until = (!offline).then_some(found.expires_at);
    let issue = Issue {
        client,
        grant: &grant,
        scopes: &grant.scopes,
        user: Some(&user),
        nonce: redemption.nonce.as_deref(),
        jkt: redemption.jkt.as_deref(),
        until,
    };
    let mut tokens = sign(cx, &issue).await?;
    let refresh_until = now + cx.lifetimes.session();
    if offline {
        tokens.refresh_token = Some(cx.entropy.alphanumeric(CODE_LENGTH));
    }
    let actor = Actor::at(cx, &grant_user(&redemption), origin).await?;
    let mut opened = cx.store.open(&grants::stream(grant_id)).await?;
    let gone = match once {
        Once::Code(hash) => codes::is_used(opened.reader(), hash).await?,
        Once::Device(hash) => !devices::is_approved(opened.reader(), hash).await?,
    };
    if gone {
        opened.rollback().await;
        return Ok(Redeemed::UsedBefore);
    }
    // The person may be being erased, and the session with them.
    if !sessions::stay(opened.reader(), &redemption.user_id).await? {
        opened.rollback().await;
        return Err(OAuthError::grant().into());
    }
    let mut appended = actor.append(opened, &[issued(&grant, once)], now).await?;
    let expires_at = if offline { refresh_until } else { tokens.expires_at };
    grants::insert(appended.tx(), &Grant { expires_at, ..grant.clone() }).await?;
    if let Some(token) = &tokens.refresh_token {
        refresh_tokens::insert(appended.tx(), &hash(token), &grant.id, refresh_until).await?;
    }
    match once {
        Once::Code(hash) => codes::mark_used(appended.tx(), hash, now).await?,
        Once::Device(hash) => devices::mark_used(appended.tx(), hash).await?,
    }
    appended.commit().await?;
    Ok(Redeemed::Tokens(Box::new(tokens)))
}

fn grant_user(redemption: &Redemption<'_>) -> UserId {
    redemption.user_id.clone()
}

fn grant(redemption: &Redemption<'_>, now: DateTime<Utc>) -> Grant {
    // Refresh tokens of clients that prove who they are, are bound by that (RFC 9449, section 5).
    let jkt = redemption.jkt.clone().filter(|_| redemption.client.is_public());
    Grant {
        id: redemption.grant_id.clone(),
        client_id: redemption.client.id.clone(),
        user_id: Some(redemption.user_id.clone()),
        session_id: Some(redemption.session_id.clone()),
        epoch: redemption.epoch,
        scopes: redemption.scopes.clone(),
        resources: redemption.resources.clone(),
        claims: redemption.claims.clone(),
        jkt,
        auth_time: Some(redemption.auth_time),
        issued_at: now,
        expires_at: now,
        revoked_at: None,
    }
}

fn issued(grant: &Grant, once: &Once<'_>) -> Event {
    let grant_type = match once {
        Once::Code(_) => "authorization_code",
        Once::Device(_) => "device_code",
    };
    Event::GrantIssued(GrantIssued {
        grant_id: grant.id.clone(),
        user_id: grant.user_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        client_id: grant.client_id.clone(),
        session_id: grant.session_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        scopes: grant.scopes.clone(),
        grant_type: grant_type.to_owned(),
    })
}
