//! Identity's events: what ends a user's sessions there ends them here.

use std::sync::Arc;

use api::events::identity::SessionsEnded;
use async_trait::async_trait;
use eventstore::RecordedEvent;
use kernel::{Clock, UserId};
use projection::{ApplyError, Projection};
use prost::Message;
use sqlx::PgConnection;

use crate::postgres::endings::{self, Ending};

/// Notes which sessions end; `end_sessions` revokes them beside it, so that the projection's
/// transaction is short however many they are.
#[derive(Debug)]
pub(crate) struct SessionEnds(pub(crate) Arc<dyn Clock>);

#[async_trait]
impl Projection for SessionEnds {
    fn name(&self) -> &'static str {
        "session_ends"
    }

    fn sources(&self) -> &'static [&'static str] {
        &["identity"]
    }

    async fn apply(&self, tx: &mut PgConnection, event: &RecordedEvent) -> Result<(), ApplyError> {
        if let Some(ending) = ending(event)? {
            endings::note(tx, &ending, self.0.now()).await?;
        }
        Ok(())
    }
}

/// Whatever its type: every event of identity that ends sessions says so in the same fields.
fn ending(event: &RecordedEvent) -> Result<Option<Ending>, ApplyError> {
    let ended = SessionsEnded::decode(event.data.as_slice())
        .map_err(|error| ApplyError::Poison(format!("{}: {error}", event.event_type)))?;
    let erase = event.event_type == "user.erased";
    if ended.user_id.is_empty() || (ended.session_epoch == 0 && !erase) {
        return Ok(None);
    }
    let reason = match event.event_type.as_str() {
        "user.password_reset" => "password_reset",
        "user.password_changed" => "password_changed",
        "user.banned" => "banned",
        "user.role_assigned" => "role_assigned",
        "user.erased" => "erased",
        _ => "sessions_ended",
    };
    Ok(Some(Ending {
        position: event.position,
        user_id: UserId::from(ended.user_id),
        below_epoch: (!erase).then_some(ended.session_epoch),
        spared: Some(ended.spared_session_id).filter(|id| !id.is_empty() && !erase),
        reason: reason.to_owned(),
        actor: event.meta.actor.clone(),
        erase,
    }))
}

#[cfg(test)]
mod tests {
    use api::events::identity::{PasswordChanged, SignedIn, UserBanned, UserErased};
    use chrono::DateTime;
    use eventstore::RecordedMeta;

    use super::*;

    fn event(event_type: &str, data: &impl Message) -> RecordedEvent {
        RecordedEvent {
            store: "identity".to_owned(),
            position: 7,
            stream: "user-u1".to_owned(),
            version: 1,
            event_type: event_type.to_owned(),
            schema: 1,
            data: data.encode_to_vec(),
            meta: RecordedMeta { actor: Some("a1".to_owned()), ..RecordedMeta::default() },
            at: DateTime::UNIX_EPOCH,
        }
    }

    fn user_id() -> String {
        "u1".to_owned()
    }

    #[test]
    fn an_event_that_names_an_epoch_ends_the_sessions_of_earlier_ones() {
        let changed = PasswordChanged {
            user_id: user_id(),
            by: "user".to_owned(),
            session_epoch: 3,
            spared_session_id: "s1".to_owned(),
        };
        let found = ending(&event("user.password_changed", &changed)).unwrap().unwrap();
        let expected = Ending {
            position: 7,
            user_id: UserId::from("u1"),
            below_epoch: Some(3),
            spared: Some("s1".to_owned()),
            reason: "password_changed".to_owned(),
            actor: Some("a1".to_owned()),
            erase: false,
        };
        assert_eq!(found, expected);
        let banned = UserBanned { user_id: user_id(), session_epoch: 4, ..UserBanned::default() };
        let unknown = ending(&event("user.of_a_later_release", &banned)).unwrap().unwrap();
        assert_eq!((unknown.reason.as_str(), unknown.below_epoch), ("sessions_ended", Some(4)));
    }

    #[test]
    fn an_erased_user_loses_all_sessions_and_other_events_end_none() {
        let erased = UserErased { user_id: user_id(), ..UserErased::default() };
        let found = ending(&event("user.erased", &erased)).unwrap().unwrap();
        assert_eq!((found.erase, found.below_epoch, found.spared), (true, None, None));
        let signed_in = SignedIn { user_id: user_id(), ..SignedIn::default() };
        assert_eq!(ending(&event("user.signed_in", &signed_in)).unwrap(), None);
    }
}
