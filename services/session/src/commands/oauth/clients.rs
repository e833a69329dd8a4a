use api::events::session::{ClientChanged, ClientRegistered, ClientRemoved, ClientSecretRotated};
use kernel::{Entropy, Error};
use secrecy::{ExposeSecret, SecretString};

use super::{hash, revoke_grant};
use crate::commands::{Actor, Books};
use crate::domain::oauth::Event;
use crate::domain::oauth::client::{Client, Metadata};
use crate::error;
use crate::postgres::oauth::clients;
use crate::postgres::oauth::grants::{self, Of};

const CLIENT_ID_LENGTH: usize = 32;
/// 256 random bits.
const SECRET_LENGTH: usize = 43;

/// A client with the secret that is shown now and never again.
pub(crate) struct Made {
    pub(crate) client: Client,
    pub(crate) secret: Option<SecretString>,
}

/// # Errors
/// `INVALID_CLIENT_METADATA`, `INVALID_REDIRECT_URI`.
pub(crate) async fn create_client(
    books: &Books,
    metadata_json: &str,
    self_registered: bool,
    actor: &Actor,
) -> Result<Made, Error> {
    let metadata = Metadata::parse(metadata_json)?;
    if self_registered {
        metadata.check_self_registered()?;
    }
    let secret = metadata.token_endpoint_auth_method.has_secret().then(|| new_secret(&*books.entropy));
    let now = books.clock.now();
    let client = Client {
        id: books.entropy.alphanumeric(CLIENT_ID_LENGTH),
        metadata,
        secret_hash: secret.as_ref().map(|secret| hash(secret.expose_secret())),
        created_at: now,
        updated_at: now,
    };
    let event = Event::ClientRegistered(ClientRegistered {
        client_id: client.id.clone(),
        client_name: client.metadata.client_name.clone(),
        self_registered,
    });
    let opened = books.store.open(&stream(&client.id)).await?;
    let mut appended = actor.append(opened, &[event], now).await?;
    clients::insert(appended.tx(), &client).await?;
    appended.commit().await?;
    Ok(Made { client, secret })
}

/// # Errors
/// `CLIENT_NOT_FOUND`, and those of the metadata.
pub(crate) async fn update_client(
    books: &Books,
    id: &str,
    changes: &str,
    actor: &Actor,
) -> Result<Made, Error> {
    let mut opened = books.store.open(&stream(id)).await?;
    let client = clients::find(opened.reader(), id).await?.ok_or_else(error::client_not_found)?;
    let (metadata, names) = client.metadata.changed(changes)?;
    // One that comes to need a secret gets one; one that no longer does loses it.
    let needs = metadata.token_endpoint_auth_method.has_secret();
    let secret = (needs && client.secret_hash.is_none()).then(|| new_secret(&*books.entropy));
    let kept = client.secret_hash.filter(|_| needs);
    let now = books.clock.now();
    let client = Client {
        secret_hash: secret.as_ref().map(|secret| hash(secret.expose_secret())).or(kept),
        metadata,
        updated_at: now,
        ..client
    };
    let event = Event::ClientChanged(ClientChanged {
        client_id: client.id.clone(),
        client_name: client.metadata.client_name.clone(),
        changed: names,
    });
    let mut appended = actor.append(opened, &[event], now).await?;
    clients::update(appended.tx(), &client).await?;
    appended.commit().await?;
    if client.metadata.disabled {
        end_grants(books, &client.id).await?;
    }
    Ok(Made { client, secret })
}

/// # Errors
/// `CLIENT_NOT_FOUND`; `CLIENT_HAS_NO_SECRET` for one that proves itself otherwise.
pub(crate) async fn rotate_secret(books: &Books, id: &str, actor: &Actor) -> Result<Made, Error> {
    let mut opened = books.store.open(&stream(id)).await?;
    let client = clients::find(opened.reader(), id).await?.ok_or_else(error::client_not_found)?;
    if !client.metadata.token_endpoint_auth_method.has_secret() {
        return Err(error::client_has_no_secret());
    }
    let secret = new_secret(&*books.entropy);
    let now = books.clock.now();
    let client = Client { secret_hash: Some(hash(secret.expose_secret())), updated_at: now, ..client };
    let event = Event::ClientSecretRotated(ClientSecretRotated { client_id: client.id.clone() });
    let mut appended = actor.append(opened, &[event], now).await?;
    clients::update(appended.tx(), &client).await?;
    appended.commit().await?;
    Ok(Made { client, secret: Some(secret) })
}

/// # Errors
/// `CLIENT_NOT_FOUND`.
pub(crate) async fn delete_client(books: &Books, id: &str, actor: &Actor) -> Result<(), Error> {
    clients::find(books.store.pool(), id).await?.ok_or_else(error::client_not_found)?;
    // While the rows are there: each grant's end is an event, by which gateways hear of it.
    end_grants(books, id).await?;
    let opened = books.store.open(&stream(id)).await?;
    let event = Event::ClientRemoved(ClientRemoved { client_id: id.to_owned() });
    let mut appended = actor.append(opened, &[event], books.clock.now()).await?;
    clients::delete(appended.tx(), id).await?;
    appended.commit().await?;
    Ok(())
}

async fn end_grants(books: &Books, id: &str) -> Result<(), Error> {
    for grant in grants::live(books.store.pool(), Of::Client(id), books.clock.now()).await? {
        revoke_grant(books, &grant, "client_removed").await?;
    }
    Ok(())
}

fn new_secret(entropy: &dyn Entropy) -> SecretString {
    SecretString::from(entropy.alphanumeric(SECRET_LENGTH))
}

fn stream(id: &str) -> String {
    format!("client-{id}")
}
