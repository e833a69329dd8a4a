use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Error, ErrorCode};
use secrecy::SecretString;

use super::issue::Tokens;
use super::redeem::{Once, Redeemed, Redemption, redeem};
use super::{CODE_LENGTH, Call, ID_LENGTH, authenticate, hash, person, proof, refused};
use crate::commands::Cx;
use crate::domain::oauth::claims_request::ClaimsRequest;
use crate::domain::oauth::client::{Client, GrantType};
use crate::domain::oauth::error::{Code, OAuthError};
use crate::domain::oauth::{request, scope};
use crate::domain::session::Origin;
use crate::error;
use crate::postgres::oauth::clients;
use crate::postgres::oauth::devices::{self, Approval, Device};

const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// Seconds.
const PAUSE: i32 = 5;
/// No vowels, so that no words come about; 34 bits (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
const USER_CODE_LENGTH: usize = 8;

/// What a device is given.
pub(crate) struct Started {
    pub(crate) device_code: String,
    pub(crate) user_code: String,
    pub(crate) expires_in: i64,
    pub(crate) interval: i32,
}

/// RFC 8628, section 3.1.
pub(crate) async fn start_device(cx: &Cx, call: &Call) -> Result<Started, Error> {
    let client = authenticate(cx, call).await?;
    if !client.may(GrantType::DeviceCode) {
        return Err(refused(Code::UnauthorizedClient, "The client may not use the device flow"));
    }
    let words = call.params.words("scope");
    let mut scopes = if words.is_empty() { client.scopes() } else { scope::asked(&words, &client.scopes())? };
    if !client.may(GrantType::RefreshToken) {
        scopes.retain(|scope| scope != scope::OFFLINE);
    }
    let device_code = cx.entropy.alphanumeric(CODE_LENGTH);
    let user_code = user_code(cx);
    let device = Device {
        hash: hash(&device_code).to_vec(),
        client_id: client.id.clone(),
        scopes,
        resources: request::resources(&call.params, &client)?,
        expires_at: cx.clock.now() + LIFETIME,
        pause: PAUSE,
        polled_at: None,
        state: String::new(),
        grant_id: cx.entropy.alphanumeric(ID_LENGTH),
        approval: None,
    };
    devices::insert(cx.store.pool(), &device, &hash(&user_code)).await?;
    let shown = format!("{}-{}", &user_code[..4], &user_code[4..]);
    Ok(Started { device_code, user_code: shown, expires_in: LIFETIME.num_seconds(), interval: PAUSE })
}

/// What a person is asked: the client, the scopes, and the code as it is shown.
///
/// # Errors
/// `DEVICE_CODE_NOT_FOUND`.
pub(crate) async fn describe_device(cx: &Cx, typed: &str) -> Result<(Client, Vec<String>, String), Error> {
    let code = normalised(typed).ok_or_else(error::device_code_not_found)?;
    let found = devices::pending(cx.store.pool(), &hash(&code), cx.clock.now()).await?;
    let device = found.ok_or_else(error::device_code_not_found)?;
    let client = clients::find(cx.store.pool(), &device.client_id).await?;
    let client =
        client.filter(|client| !client.metadata.disabled).ok_or_else(error::device_code_not_found)?;
    Ok((client, device.scopes, format!("{}-{}", &code[..4], &code[4..])))
}

/// The person has decided. The device gets what the person who decides may give, in their own
/// session, once.
///
/// # Errors
/// `DEVICE_CODE_NOT_FOUND`, `UNAUTHORIZED`, `ACCESS_DENIED` for whom the client is not.
pub(crate) async fn decide_device(
    cx: &Cx,
    typed: &str,
    session_token: &SecretString,
    accepted: bool,
) -> Result<(), Error> {
    let found = person(cx, Some(session_token)).await?;
    let (session, user) =
        found.ok_or_else(|| Error::new(ErrorCode::Unauthenticated, "UNAUTHORIZED", "Please sign in."))?;
    let (client, ..) = describe_device(cx, typed).await?;
    let admitted = session.impersonation.is_none() && client.admits(user.role().to_kernel().as_str());
    if accepted && !admitted {
        return Err(Error::denied("ACCESS_DENIED", "You may not use this application."));
    }
    let approval = Approval {
        user_id: session.user_id.clone(),
        session_id: session.id.clone(),
        epoch: session.epoch,
        auth_time: session.created_at,
    };
    let code = normalised(typed).ok_or_else(error::device_code_not_found)?;
    let approval = accepted.then_some(&approval);
    if devices::decide(cx.store.pool(), &hash(&code), approval, cx.clock.now()).await? {
        Ok(())
    } else {
        Err(error::device_code_not_found())
    }
}

/// RFC 8628, sections 3.4 and 3.5.
pub(super) async fn redeem_device(
    cx: &Cx,
    client: &Client,
    call: &Call,
    origin: &Origin,
) -> Result<Tokens, Error> {
    let code_hash = hash(call.params.require("device_code")?);
    let found = devices::find(cx.store.pool(), &code_hash).await?;
    let device = found.filter(|device| device.client_id == client.id).ok_or_else(OAuthError::grant)?;
    let now = cx.clock.now();
    if device.state == "used" {
        return Err(OAuthError::grant().into());
    }
    if device.expires_at <= now {
        return Err(refused(Code::ExpiredToken, "The device code has expired"));
    }
    if let Some(error) = pace(cx, &device, now).await? {
        return Err(error);
    }
    let Some(approval) = device.approval else {
        return Err(match device.state.as_str() {
            "denied" => refused(Code::AccessDenied, "The person has refused"),
            _ => refused(Code::AuthorizationPending, "The person has not decided yet"),
        });
    };
    let jkt = proof::key_of(cx, call, client).await?;
    let redemption = Redemption {
        client,
        once: Once::Device(&device.hash),
        grant_id: device.grant_id,
        user_id: approval.user_id,
        session_id: approval.session_id,
        epoch: approval.epoch,
        auth_time: approval.auth_time,
        scopes: device.scopes,
        resources: device.resources,
        claims: ClaimsRequest::default(),
        nonce: None,
        jkt,
    };
    match redeem(cx, redemption, origin).await? {
        Redeemed::Tokens(tokens) => Ok(*tokens),
        Redeemed::UsedBefore => Err(OAuthError::grant().into()),
    }
}

/// A device that asks too soon waits five seconds longer from then on.
async fn pace(cx: &Cx, device: &Device, now: DateTime<Utc>) -> Result<Option<Error>, Error> {
    let pause = TimeDelta::seconds(device.pause.into());
    let too_soon = device.polled_at.is_some_and(|at| now - at < pause);
    let next = if too_soon { device.pause.saturating_add(PAUSE) } else { device.pause };
    devices::polled(cx.store.pool(), &device.hash, next, now).await?;
    Ok(too_soon.then(|| refused(Code::SlowDown, "The device asks too often")))
}

fn user_code(cx: &Cx) -> String {
    let mut code = String::with_capacity(USER_CODE_LENGTH);
    let mut block = [0_u8; 32];
    while code.len() < USER_CODE_LENGTH {
        cx.entropy.fill(&mut block);
        // 240 = 12 * 20: bytes above would favour the first letters.
        let usable = block.iter().filter(|byte| **byte < 240);
        code.extend(
            usable
                .map(|byte| char::from(LETTERS[usize::from(byte % 20)].to_ascii_uppercase()))
                .take(USER_CODE_LENGTH - code.len()),
        );
    }
    code
}

/// Small letters, spaces and hyphens are what people type.
fn normalised(typed: &str) -> Option<String> {
    if typed.len() > 32 {
        return None;
    }
    let code: String =
        typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
    let known = code.bytes().all(|letter| LETTERS.contains(&letter.to_ascii_lowercase()));
    (code.len() == USER_CODE_LENGTH && known).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for typed in ["BCDF-GHJK", "bcdf ghjk", " bcdfghjk", "BCDFGHJK"] {
            assert_eq!(normalised(typed).as_deref(), Some("BCDFGHJK"), "{typed}");
        }
        for typed in ["", "BCDF-GHJ", "BCDF-GHJA", "BCDF-GHJKL", "ÄCDF-GHJK"] {
            assert_eq!(normalised(typed), None, "{typed}");
        }
    }
}
