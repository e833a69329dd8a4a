use std::sync::Arc;

use eventstore::sealing::{Unsealable, UnusableSecret, Vault};
use eventstore::{Private, RecordedEvent, StoreError};
use kernel::{Clock, SeededEntropy};
use secrecy::SecretString;

use crate::support::{Running, World, event, no_bus, reported, world};

const ADDRESS: &[u8] = b"ada@example.com";

fn vault(text: &str) -> Vault {
    let secret = SecretString::from(text.repeat(4));
    Vault::new(&secret, "test", Arc::new(SeededEntropy::new(1))).unwrap()
}

/// Two events about a person.
async fn append(world: &World, vault: &Vault, subject: &str) {
    let key = vault.key(world.store.pool(), subject, world.clock.now()).await.unwrap();
    let opened = world.store.open(&format!("person-{subject}")).await.unwrap();
    let private = Private { key: &key, plain: ADDRESS };
    let events = [event("one"), event("two")];
    opened.append_sealed(&events, &world.meta(), &private).await.unwrap().commit().await.unwrap();
}

async fn sequenced(world: &World, count: u64) -> Vec<RecordedEvent> {
    let mut running = Running::default();
    let status = running.publish(world.publisher(no_bus().await));
    reported(&status, "the events have positions", |report| report.head >= count).await;
    running.stop().await;
    world.log().await
}

#[tokio::test]
async fn what_is_sealed_opens_with_the_persons_key_and_is_nowhere_in_clear() {
    let (world, vault) = (world().await, vault("a secret"));
    let store = world.store.clone();
    append(&world, &vault, "u1").await;
    append(&world, &vault, "u2").await;
    let events = sequenced(&world, 4).await;
    for event in &events {
        let subject = event.meta.subject.clone().unwrap();
        let key = vault.find(store.pool(), &subject).await.unwrap().unwrap();
        assert_eq!(event.unseal(&key).unwrap().unwrap().as_slice(), ADDRESS);
        let other = if subject == "u1" { "u2" } else { "u1" };
        let other = vault.find(store.pool(), other).await.unwrap().unwrap();
        assert_eq!(event.unseal(&other), Err(Unsealable), "another person's key");
    }
    let moved = RecordedEvent { version: 2, ..events[0].clone() };
    let key = vault.find(store.pool(), "u1").await.unwrap().unwrap();
    assert_eq!(moved.unseal(&key), Err(Unsealable), "ciphertext moved to another version");
    let lines: Vec<String> = sqlx::query_scalar("select e::text || convert_from(data, 'utf8') from events e")
        .fetch_all(store.pool())
        .await
        .unwrap();
    assert!(lines.iter().all(|line| !line.contains("ada@")), "the log holds the address in clear: {lines:?}");
}

#[tokio::test]
async fn destroying_the_key_erases_and_a_new_key_opens_nothing_old() {
    let (world, vault) = (world().await, vault("a secret"));
    let store = world.store.clone();
    append(&world, &vault, "u1").await;
    let events = sequenced(&world, 2).await;
    let mut connection = store.pool().acquire().await.unwrap();
    assert!(Vault::destroy(&mut connection, "u1").await.unwrap());
    assert!(!Vault::destroy(&mut connection, "u1").await.unwrap());
    assert!(vault.find(store.pool(), "u1").await.unwrap().is_none());
    let fresh = vault.key(store.pool(), "u1", world.clock.now()).await.unwrap();
    assert_eq!(events[0].unseal(&fresh), Err(Unsealable));
}

#[tokio::test]
async fn keys_made_side_by_side_are_one_key() {
    let (world, vault) = (world().await, vault("a secret"));
    let store = world.store.clone();
    let makers = (0..8).map(|_| vault.key(store.pool(), "u1", world.clock.now()));
    let keys: Vec<_> = futures::future::join_all(makers).await.into_iter().map(Result::unwrap).collect();
    let sealed = keys[0].seal("here", ADDRESS).unwrap();
    for key in &keys {
        assert_eq!(key.open("here", &sealed).unwrap().as_slice(), ADDRESS);
    }
}

#[tokio::test]
async fn a_database_belongs_to_the_secret_it_was_first_used_with() {
    let world = world().await;
    let (pool, now) = (world.store.pool(), world.clock.now());
    vault("a secret").claim(pool).await.unwrap();
    vault("a secret").claim(pool).await.unwrap();
    let other = vault("b secret");
    for _ in 0..2 {
        assert!(matches!(other.claim(pool).await, Err(StoreError::OtherSecret)));
    }
    let outcome = other.key(pool, "u1", now).await;
    assert!(matches!(outcome, Err(StoreError::OtherSecret)), "it makes no key: {outcome:?}");
    assert!(other.find(pool, "u1").await.unwrap().is_none());
    vault("a secret").key(pool, "u1", now).await.unwrap();
}

/// Of a release that wrote no check value.
#[tokio::test]
async fn a_database_without_a_check_belongs_to_the_secret_of_its_keys() {
    let world = world().await;
    let pool = world.store.pool();
    vault("a secret").key(pool, "u1", world.clock.now()).await.unwrap();
    sqlx::query("delete from vault_check").execute(pool).await.unwrap();
    assert!(matches!(vault("b secret").claim(pool).await, Err(StoreError::OtherSecret)));
    vault("a secret").claim(pool).await.unwrap();
    assert!(matches!(vault("b secret").claim(pool).await, Err(StoreError::OtherSecret)));
}

#[tokio::test]
async fn another_secret_is_told_as_such_and_a_short_one_is_refused() {
    let world = world().await;
    let store = world.store.clone();
    vault("a secret").key(store.pool(), "u1", world.clock.now()).await.unwrap();
    let outcome = vault("b secret").find(store.pool(), "u1").await;
    assert!(matches!(outcome, Err(StoreError::Corrupt { .. })), "{outcome:?}");
    let short = SecretString::from("x".repeat(31));
    let outcome = Vault::new(&short, "test", Arc::new(SeededEntropy::new(1)));
    assert_eq!(outcome.err(), Some(UnusableSecret));
}
