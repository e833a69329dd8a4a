use api::events::session::SigningKeyCreated;
use chrono::TimeDelta;
use futures::future::join_all;
use jsonwebtoken::jwk::{JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use kernel::{Clock, ErrorCode};
use serde_json::{Value, json};
use session::Lifetimes;

use crate::directory::ADA;
use crate::env::{Env, SECRET, count, jwks, mint};

/// As a resource server does it that knows the key set, issuer and audience, and nothing else.
pub fn claims(token: &str, jwks: &str) -> Value {
    let set: JwkSet = serde_json::from_str(jwks).unwrap();
    let header = decode_header(token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::RS256, Some("JWT")));
    let key = DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&["https://learn.example.com/api/auth"]);
    validation.set_audience(&["https://learn.example.com"]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    decode::<Value>(token, &key, &validation).unwrap().claims
}

#[tokio::test]
async fn an_access_token_verifies_against_the_published_keys() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let token = mint(env.client.clone(), &created.token).await.unwrap();
    let mut claimed = claims(&token, &jwks(env.client.clone()).await.unwrap());
    let jti = claimed.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(jti.as_str().unwrap().len(), 22);
    let now = env.clock.now();
    assert_eq!(
        claimed,
        json!({
            "iss": "https://learn.example.com/api/auth", "aud": "https://learn.example.com",
            "sub": ADA, "sid": created.session.unwrap().id, "sep": 1,
            "iat": now.timestamp(), "exp": (now + TimeDelta::hours(6)).timestamp(),
            "role": "instructor", "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace",
            "id": ADA, "emailVerified": true, "image": null,
            "createdAt": "2026-01-05T09:00:00.000Z", "updatedAt": "2026-01-05T09:00:00.000Z",
        })
    );
    assert_ne!(token, mint(env.client.clone(), &created.token).await.unwrap(), "each has an id of its own");
    let recorded = count(&env.pool(), "select count(*) from events where stream like 'session-%'").await;
    assert_eq!(recorded, 1, "a token is no fact of its own");
}

#[tokio::test]
async fn the_key_set_holds_public_parts_only_under_the_thumbprint_of_the_key() {
    let env = Env::start().await;
    let text = jwks(env.client.clone()).await.unwrap();
    let set: Value = serde_json::from_str(&text).unwrap();
    let [key] = set["keys"].as_array().unwrap().as_slice() else { panic!("{set}") };
    let mut members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!("RSA"), &json!("RS256"), &json!("sig")));
    let parsed: JwkSet = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed.keys[0].thumbprint(ThumbprintHash::SHA256).unwrap(), key["kid"].as_str().unwrap());
    let created = env.events::<SigningKeyCreated>("key.created").await;
    let [(stream, event)] = created.as_slice() else { panic!("{created:?}") };
    assert_eq!((stream.as_str(), event.algorithm.as_str()), (&*format!("key-{}", event.key_id), "RS256"));
}

#[tokio::test]
async fn there_is_no_token_without_a_live_session() {
    let env = Env::start().await;
    let created = env.create(true).await;
    env.revoke(&created.token, "").await;
    for token in [created.token.as_str(), "", "no such token"] {
        let error = mint(env.client.clone(), token).await.unwrap_err();
        assert_eq!((error.code, &*error.reason), (ErrorCode::NotFound, "SESSION_NOT_FOUND"));
    }
    let expiring = env.create(false).await;
    env.clock.advance(TimeDelta::days(1));
    assert_eq!(mint(env.client.clone(), &expiring.token).await.unwrap_err().reason, "SESSION_NOT_FOUND");
}

#[tokio::test]
async fn replicas_that_start_together_agree_on_one_key() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let mut replicas = vec![env.client.clone()];
    for _ in 0..3 {
        replicas.push(env.replica(SECRET).await.0);
    }
    let asked = replicas.iter().flat_map(|replica| (0..4).map(|_| jwks(replica.clone())));
    let sets: Vec<String> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert!(sets.iter().all(|set| *set == sets[0]));
    assert_eq!(env.events::<SigningKeyCreated>("key.created").await.len(), 1);
    let token = mint(replicas[3].clone(), &created.token).await.unwrap();
    claims(&token, &sets[0]);
}

#[tokio::test]
async fn a_key_survives_a_restart() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let token = mint(env.client.clone(), &created.token).await.unwrap();
    let restarted = env.replica(SECRET).await.0;
    claims(&token, &jwks(restarted.clone()).await.unwrap());
    claims(&mint(restarted, &created.token).await.unwrap(), &jwks(env.client.clone()).await.unwrap());
}

#[tokio::test]
async fn another_secret_makes_no_new_key_and_says_so_to_the_operator() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let before = jwks(env.client.clone()).await.unwrap();
    let (mistaken, health) = env.replica("another-secret-of-more-than-32-characters").await;
    let error = mint(mistaken.clone(), &created.token).await.unwrap_err();
    assert_eq!((error.code, &*error.reason), (ErrorCode::Unavailable, "SIGNING_KEY_UNREADABLE"));
    assert!(!error.message.contains("SECRET"), "clients are not told: {}", error.message);
    assert_eq!(jwks(mistaken).await.unwrap_err().reason, "SIGNING_KEY_UNREADABLE");
    let check = &health.report().await.checks["session/signing-key"];
    assert!(!check.ok && check.detail.contains("AUTH_SECRET"), "{check:?}");

    assert_eq!(env.events::<SigningKeyCreated>("key.created").await.len(), 1);
    assert_eq!(jwks(env.replica(SECRET).await.0).await.unwrap(), before);
}

#[tokio::test]
async fn the_key_is_made_at_start_before_anyone_asks() {
    let env = Env::start().await;
    let running = env.run().await;
    let pool = env.pool();
    testkit::eventually("there is a signing key", || async {
        (count(&pool, "select count(*) from signing_keys").await == 1).then_some(())
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn no_token_outlives_its_session_and_its_lifetime_is_the_operators() {
    let env = Env::with(Lifetimes { access_token_hours: 24, ..Lifetimes::default() }, None).await;
    let keys = jwks(env.client.clone()).await.unwrap();
    for (remember, hours) in [(true, 24), (false, 23)] {
        let session = env.create(remember).await.token;
        env.clock.advance(TimeDelta::hours(1));
        let token = mint(env.client.clone(), &session).await.unwrap();
        let end = env.clock.now() + TimeDelta::hours(hours);
        assert_eq!(claims(&token, &keys)["exp"], json!(end.timestamp()));
    }
}

#[tokio::test]
#[ignore = "a measurement, by hand: cargo test --release -- --ignored --nocapture"]
async fn what_a_token_costs() {
    let env = Env::start().await;
    let created = env.create(true).await;
    mint(env.client.clone(), &created.token).await.unwrap();
    let (found, minted) = (1000, 1000);
    let before = cpu();
    for _ in 0..found {
        env.get(&created.token).await.unwrap();
    }
    let between = cpu();
    for _ in 0..minted {
        mint(env.client.clone(), &created.token).await.unwrap();
    }
    let after = cpu();
    println!("GetSession: {} us of CPU per call", (between - before) * 10_000 / found);
    println!("MintAccessToken: {} us of CPU per call", (after - between) * 10_000 / minted);
}

/// Processor time of this process so far: user and system, in ticks of 10 ms (proc(5)).
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
