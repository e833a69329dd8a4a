use api::events::session::{SigningKeyCreated, SigningKeyRetired};
use chrono::TimeDelta;
use futures::future::join_all;
use jsonwebtoken::decode_header;
use kernel::{Clock, ErrorCode};
use serde_json::Value;
use session::Rotation;

use crate::access_tokens::claims;
use crate::env::{Env, SECRET, Sessions, count, jwks, mint};

fn kid(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}

async fn published(client: &Sessions) -> Vec<String> {
    let set: Value = serde_json::from_str(&jwks(client.clone()).await.unwrap()).unwrap();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_key_is_succeeded_on_schedule_and_no_replica_signs_with_it_before_it_is_known() {
    let env = Env::following().await;
    let replicas = [env.client.clone(), env.replica(SECRET).await.0];
    let before = mint(replicas[0].clone(), &env.create(true).await.token).await.unwrap();
    let old = kid(&before);
    env.clock.advance(TimeDelta::days(90));
    let token = env.create(true).await.token;

    // Two leaders at once make one key.
    let running = [env.run().await, env.run().await];
    let pool = env.pool();
    testkit::eventually("there is a second key", || async {
        (count(&pool, "select count(*) from signing_keys").await == 2).then_some(())
    })
    .await;
    for task in running {
        task.stop().await;
    }
    let created = env.events::<SigningKeyCreated>("key.created").await;
    assert_eq!(created.len(), 2);
    let young = created[1].1.key_id.clone();
    let takes_over = env.clock.now() + TimeDelta::minutes(10);
    assert_eq!(created[1].1.signs_from, Some(api::timestamp(takes_over)));
    assert_eq!(created[0].1.signs_from, None);

    for replica in &replicas {
        assert_eq!(published(replica).await, [young.clone(), old.clone()], "published before it signs");
        assert_eq!(kid(&mint(replica.clone(), &token).await.unwrap()), old);
    }
    env.clock.set(takes_over - TimeDelta::microseconds(1));
    let last = mint(replicas[1].clone(), &token).await.unwrap();
    assert_eq!(kid(&last), old);
    env.clock.set(takes_over);
    for replica in &replicas {
        assert_eq!(kid(&mint(replica.clone(), &token).await.unwrap()), young);
        claims(&last, &jwks(replica.clone()).await.unwrap());
    }

    // The last token of the old key expires; a minute later the key is gone, everywhere.
    env.clock.set(takes_over + TimeDelta::hours(6) + TimeDelta::seconds(59));
    for replica in &replicas {
        claims(&last, &jwks(replica.clone()).await.unwrap());
    }
    env.clock.advance(TimeDelta::seconds(1));
    for replica in &replicas {
        assert_eq!(published(replica).await, std::slice::from_ref(&young));
    }
    let running = env.run().await;
    testkit::eventually("the old key is retired", || async {
        (count(&pool, "select count(*) from signing_keys").await == 1).then_some(())
    })
    .await;
    running.stop().await;
    let retired = env.events::<SigningKeyRetired>("key.retired").await;
    let [(stream, event)] = retired.as_slice() else { panic!("{retired:?}") };
    assert_eq!((stream.as_str(), event.key_id.as_str()), (&*format!("key-{old}"), &*old));
    assert_eq!(event.verifies_until, Some(api::timestamp(env.clock.now())));
}

#[tokio::test]
async fn every_token_verifies_while_a_key_takes_over_on_two_replicas() {
    let env = Env::start().await;
    let replicas = [env.client.clone(), env.replica(SECRET).await.0];
    let token = env.create(true).await.token;
    mint(env.client.clone(), &token).await.unwrap();
    env.chest(SECRET).rotate(Rotation::Announced).await.unwrap();
    // What a verifier knows that asks every five minutes.
    let mut known = jwks(env.client.clone()).await.unwrap();
    for minute in 0..20 {
        if minute % 5 == 0 {
            known = jwks(replicas[minute % 2].clone()).await.unwrap();
        }
        for minted in join_all(replicas.iter().map(|replica| mint(replica.clone(), &token))).await {
            claims(&minted.unwrap(), &known);
        }
        env.clock.advance(TimeDelta::minutes(1));
    }
    assert_eq!(env.chest(SECRET).list().await.unwrap().iter().filter(|key| key.signs_now).count(), 1);
}

#[tokio::test]
async fn in_an_emergency_a_new_key_signs_at_once_on_every_replica_and_old_tokens_stay_good() {
    let env = Env::start().await;
    let replicas = [env.client.clone(), env.replica(SECRET).await.0];
    let token = env.create(true).await.token;
    let mut before = Vec::new();
    for replica in &replicas {
        before.push(mint(replica.clone(), &token).await.unwrap());
    }
    env.chest(SECRET).rotate(Rotation::Now).await.unwrap();
    env.clock.advance(TimeDelta::seconds(1));
    for replica in &replicas {
        let minted = mint(replica.clone(), &token).await.unwrap();
        assert_ne!(kid(&minted), kid(&before[0]));
        let keys = jwks(replica.clone()).await.unwrap();
        claims(&minted, &keys);
        for old in &before {
            claims(old, &keys);
        }
    }
    let listed = env.chest(SECRET).list().await.unwrap();
    assert_eq!(listed.iter().map(|key| key.signs_now).collect::<Vec<_>>(), [true, false]);
    let end = listed[0].signs_from + TimeDelta::hours(6) + TimeDelta::seconds(60);
    assert_eq!(listed[1].verifies_until, Some(end));
}

#[tokio::test]
async fn a_revoked_key_leaves_the_key_set_at_once_and_no_replica_signs_with_it() {
    let env = Env::start().await;
    let replicas = [env.client.clone(), env.replica(SECRET).await.0];
    let token = env.create(true).await.token;
    let mut old = String::new();
    for replica in &replicas {
        old = kid(&mint(replica.clone(), &token).await.unwrap());
    }
    env.chest(SECRET).rotate(Rotation::NowRevoking).await.unwrap();
    for replica in &replicas {
        assert_ne!(kid(&mint(replica.clone(), &token).await.unwrap()), old);
        assert!(!published(replica).await.contains(&old));
    }
    assert_eq!(count(&env.pool(), "select count(*) from signing_keys").await, 1);
    let retired = env.events::<SigningKeyRetired>("key.retired").await;
    assert_eq!(retired[0].1.verifies_until, Some(api::timestamp(env.clock.now())));
}

#[tokio::test]
async fn a_lost_secret_is_answered_by_giving_up_the_former_keys_and_by_nothing_less() {
    let env = Env::start().await;
    let token = env.create(true).await.token;
    let old = kid(&mint(env.client.clone(), &token).await.unwrap());
    let other = "another-secret-of-more-than-32-characters";
    for how in [Rotation::Announced, Rotation::Now] {
        let error = env.chest(other).rotate(how).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::Unavailable, "SIGNING_KEY_UNREADABLE"));
    }
    assert_eq!(env.chest(other).list().await.unwrap().len(), 1);
    env.chest(other).rotate(Rotation::NowRevoking).await.unwrap();
    let restarted = env.replica(other).await.0;
    assert_ne!(kid(&mint(restarted, &token).await.unwrap()), old);
}

#[tokio::test]
async fn the_last_known_keys_are_published_while_the_database_is_away() {
    let env = Env::start().await;
    let before = jwks(env.client.clone()).await.unwrap();
    // What cannot be read is as good as away.
    let admin = env.db.superuser();
    sqlx::query("alter table session.signing_keys rename to away").execute(&admin).await.unwrap();
    env.clock.advance(TimeDelta::hours(1));
    assert_eq!(jwks(env.client.clone()).await.unwrap(), before);
    sqlx::query("alter table session.away rename to signing_keys").execute(&admin).await.unwrap();
    env.chest(SECRET).rotate(Rotation::Now).await.unwrap();
    env.clock.advance(TimeDelta::seconds(6));
    assert_ne!(jwks(env.client.clone()).await.unwrap(), before);
}
