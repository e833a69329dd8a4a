use api::events::session::GrantIssued;
use kernel::Error;

use super::issue::{Issue, Tokens, sign};
use super::{Call, ID_LENGTH, proof, refused};
use crate::commands::{Actor, Cx};
use crate::domain::oauth::Event;
use crate::domain::oauth::client::Client;
use crate::domain::oauth::error::Code;
use crate::domain::oauth::{request, scope};
use crate::postgres::oauth::grants::{self, Grant};

/// What is about a person is not for a client that acts for itself.
const OF_PERSONS: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/// RFC 6749, section 4.4.
pub(super) async fn for_itself(cx: &Cx, client: &Client, call: &Call) -> Result<Tokens, Error> {
    let words = call.params.words("scope");
    if words.iter().any(|word| OF_PERSONS.contains(&word.as_str())) {
        return Err(refused(Code::InvalidScope, "There is no person whom this scope is about"));
    }
    let mut allowed = client.scopes();
    allowed.retain(|scope| !OF_PERSONS.contains(&scope.as_str()));
    let scopes = if words.is_empty() { allowed } else { scope::asked(&words, &allowed)? };
    let jkt = proof::key_of(cx, call, client).await?;
    let now = cx.clock.now();
    let mut grant = Grant {
        id: cx.entropy.alphanumeric(ID_LENGTH),
        client_id: client.id.clone(),
        user_id: None,
        session_id: None,
        epoch: 0,
        scopes,
        resources: request::resources(&call.params, client)?,
        claims: crate::domain::oauth::claims_request::ClaimsRequest::default(),
        jkt: None,
        auth_time: None,
        issued_at: now,
        expires_at: now,
        revoked_at: None,
    };
    let issue = Issue {
        client,
        grant: &grant,
        scopes: &grant.scopes,
        user: None,
        nonce: None,
        jkt: jkt.as_deref(),
        until: None,
    };
    let tokens = sign(cx, &issue).await?;
    grant.expires_at = tokens.expires_at;
    let event = Event::GrantIssued(GrantIssued {
        grant_id: grant.id.clone(),
        user_id: String::new(),
        client_id: client.id.clone(),
        session_id: String::new(),
        scopes: grant.scopes.clone(),
        grant_type: "client_credentials".to_owned(),
    });
    let opened = cx.store.open(&grants::stream(&grant.id)).await?;
    let mut appended = Actor::system(None).append(opened, &[event], now).await?;
    grants::insert(appended.tx(), &grant).await?;
    appended.commit().await?;
    Ok(tokens)
}
