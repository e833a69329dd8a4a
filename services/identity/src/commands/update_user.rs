use api::events::identity::ProfileChanged;
use kernel::{Error, UserId};

use super::Cx;
use crate::domain::account::{Account, By, Event};
use crate::domain::profile::{self, Origin};
use crate::postgres::users::Person;

/// What of a profile is to change.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) name: Option<String>,
    /// An empty one takes the picture away.
    pub(crate) image: Option<String>,
}

impl Changes {
    pub(crate) fn new(name: Option<String>, image: Option<String>, clear_image: bool) -> Self {
        Self { name, image: if clear_image { Some(String::new()) } else { image } }
    }
}

#[derive(Debug)]
pub(crate) struct UpdateUser {
    pub(crate) user: UserId,
    pub(crate) changes: Changes,
    pub(crate) origin: Origin,
}

/// Changes name and picture.
pub(crate) async fn update_user(cx: &Cx, command: UpdateUser) -> Result<Account, Error> {
    let name = command.changes.name.as_deref().map(profile::name).transpose()?;
    let image = command.changes.image.map(|image| profile::image(Some(image))).transpose()?;
    let held = cx.hold(&command.user).await?;
    let now = cx.clock.now();
    let before = held.account();
    let account = Account {
        name: name.unwrap_or_else(|| before.name.clone()),
        image: image.unwrap_or_else(|| before.image.clone()),
        updated_at: now,
        ..before.clone()
    };
    let Some(event) = decide_change_profile(before, &account, By::User) else {
        let account = before.clone();
        held.let_go().await;
        return Ok(account);
    };
    let personal = account.profile(&command.origin);
    let (mut recorded, person) = held.record(&[event], &personal, Some(command.user.as_str()), now).await?;
    let person = Person { account, key: person.key };
    recorded.save(cx, &person, now).await?;
    recorded.commit().await?;
    Ok(person.account)
}

/// Nothing where nothing changed.
pub(crate) fn decide_change_profile(before: &Account, after: &Account, by: By) -> Option<Event> {
    let changed = [("name", before.name != after.name), ("image", before.image != after.image)];
    let fields: Vec<String> =
        changed.into_iter().filter(|(_, changed)| *changed).map(|(field, _)| field.to_owned()).collect();
    (!fields.is_empty()).then(|| {
        Event::ProfileChanged(ProfileChanged {
            user_id: after.id.to_string(),
            fields,
            by: by.as_str().to_owned(),
        })
    })
}
