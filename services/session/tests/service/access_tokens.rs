use api::events::session::{AccessTokenIssued, SigningKeyCreated};
use api::session::sessions_client::SessionsClient;
use api::session::{GetJwksRequest, MintAccessTokenRequest, RevokeSessionRequest};
use chrono::TimeDelta;
use futures::future::join_all;
use jsonwebtoken::jwk::{JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use kernel::{Clock, Error, ErrorCode};
use runtime::PeerChannel;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::env::{ADA, Env, SECRET};

async fn mint(mut client: SessionsClient<PeerChannel>, token: &str) -> Result<String, Error> {
    let request = MintAccessTokenRequest { session_token: token.to_owned() };
    let answer = client.mint_access_token(request).await.map_err(|status| api::from_status(&status))?;
    Ok(answer.into_inner().access_token)
}

async fn jwks(mut client: SessionsClient<PeerChannel>) -> Result<String, Error> {
    let answer = client.get_jwks(GetJwksRequest {}).await.map_err(|status| api::from_status(&status))?;
    Ok(answer.into_inner().jwks_json)
}

/// As a resource server does it that knows the key set, issuer and audience, and nothing else.
fn verify(token: &str, jwks: &str) -> Value {
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
    let mut claims = verify(&token, &jwks(env.client.clone()).await.unwrap());
    let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(jti.as_str().unwrap().len(), 22);
    let now = env.clock.now();
    assert_eq!(
        claims,
        json!({
            "iss": "https://learn.example.com/api/auth", "aud": "https://learn.example.com",
            "sub": ADA, "sid": created.session.unwrap().id,
            "iat": now.timestamp(), "exp": (now + TimeDelta::hours(6)).timestamp(),
            "role": "instructor", "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace",
            "id": ADA, "emailVerified": true, "image": null,
            "createdAt": "2026-01-05T09:00:00.000Z", "updatedAt": "2026-01-05T09:00:00.000Z",
        })
    );
    let issued = env.events::<AccessTokenIssued>("session.access_token_issued").await;
    let [(_, event)] = issued.as_slice() else { panic!("{issued:?}") };
    assert_eq!(Some(&event.key_id), decode_header(&token).unwrap().kid.as_ref());
    assert_ne!(token, mint(env.client.clone(), &created.token).await.unwrap(), "each has an id of its own");
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
    env.client
        .clone()
        .revoke_session(RevokeSessionRequest { token: created.token.clone(), client: None })
        .await
        .unwrap();
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
    verify(&token, &sets[0]);
}

#[tokio::test]
async fn a_key_survives_a_restart() {
    let env = Env::start().await;
    let created = env.create(true).await;
    let token = mint(env.client.clone(), &created.token).await.unwrap();
    let restarted = env.replica(SECRET).await.0;
    verify(&token, &jwks(restarted.clone()).await.unwrap());
    verify(&mint(restarted, &created.token).await.unwrap(), &jwks(env.client.clone()).await.unwrap());
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
    let shutdown = CancellationToken::new();
    let (stop, service) = (shutdown.clone(), env.service().await);
    let running = runtime::spawn("the service", async move {
        runtime::serve(service, None, &SecretString::from("unused"), shutdown).await.unwrap();
    });
    let pool = env.pool();
    testkit::eventually("there is a signing key", || async {
        let keys: i64 =
            sqlx::query_scalar("select count(*) from signing_keys").fetch_one(&pool).await.unwrap();
        (keys == 1).then_some(())
    })
    .await;
    stop.cancel();
    running.await.unwrap();
}
