use api::events::session::{ConsentGiven, ConsentWithdrawn};
use kernel::{Error, UserId};

use super::{hash, revoke_grant};
use crate::commands::{Actor, Cx};
use crate::domain::oauth::Event;
use crate::domain::session::Origin;
use crate::postgres::oauth::consents::{self, Consent};
use crate::postgres::oauth::grants::{self, Of};

/// Notes what a person agrees to now: `agreed` of `asked`. What they agreed to before and were not
/// asked about stays.
pub(super) async fn note(
    cx: &Cx,
    (user, client): (&UserId, &str),
    (asked, agreed): (&[String], &[String]),
    origin: &Origin,
) -> Result<(), Error> {
    let before = consents::find(cx.store.pool(), user, client).await?;
    let now = cx.clock.now();
    let mut scopes = before.as_ref().map(|before| before.scopes.clone()).unwrap_or_default();
    scopes.retain(|scope| !asked.contains(scope));
    scopes.extend(agreed.iter().cloned());
    let created_at = before.map_or(now, |before| before.created_at);
    let consent = Consent {
        id: id(user, client),
        user_id: user.clone(),
        client_id: client.to_owned(),
        scopes,
        created_at,
        updated_at: now,
    };
    let event = Event::ConsentGiven(ConsentGiven {
        consent_id: consent.id.clone(),
        user_id: user.to_string(),
        client_id: client.to_owned(),
        scopes: consent.scopes.clone(),
    });
    let actor = Actor::at(cx, user, origin).await?;
    let opened = cx.store.open(&stream(&consent.id)).await?;
    let mut appended = actor.append(opened, &[event], now).await?;
    consents::put(appended.tx(), &consent).await?;
    appended.commit().await?;
    Ok(())
}

/// Takes an agreement back; what was granted by it ends. Nothing to take back is fine.
pub(crate) async fn withdraw_consent(
    cx: &Cx,
    user: &UserId,
    consent_id: &str,
    origin: &Origin,
) -> Result<(), Error> {
    let all = consents::of(cx.store.pool(), user).await?;
    let Some((consent, _)) = all.into_iter().find(|(consent, _)| consent.id == consent_id) else {
        return Ok(());
    };
    let event = Event::ConsentWithdrawn(ConsentWithdrawn {
        consent_id: consent.id.clone(),
        user_id: user.to_string(),
        client_id: consent.client_id.clone(),
    });
    let actor = Actor::at(cx, user, origin).await?;
    let now = cx.clock.now();
    let opened = cx.store.open(&stream(&consent.id)).await?;
    let mut appended = actor.append(opened, &[event], now).await?;
    consents::delete(appended.tx(), &consent.id).await?;
    appended.commit().await?;
    for grant in grants::live(cx.store.pool(), Of::Consent(user, &consent.client_id), now).await? {
        revoke_grant(&cx.books(), &grant, "consent_withdrawn").await?;
    }
    Ok(())
}

/// One for each pair, so that two answers at once are one consent.
fn id(user: &UserId, client: &str) -> String {
    let digest = hash(&format!("{}/{user}/{client}", user.as_str().len()));
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

fn stream(id: &str) -> String {
    format!("consent-{id}")
}
