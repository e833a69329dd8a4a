use std::sync::atomic::Ordering;

use auth::TokenError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::Clock;
use serde_json::{Value, json};

use crate::world::world;

#[tokio::test]
async fn a_good_token_is_accepted_until_it_expires() {
    let world = world();
    let token = world.sign(&world.claims());
    assert_eq!(world.verifier.verify(&token).await.unwrap().sub, "u1");
    world.clock.advance(TimeDelta::hours(6) + TimeDelta::seconds(31));
    assert_eq!(world.verifier.verify(&token).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn forged_and_foreign_tokens_are_refused() {
    let world = world();
    let with = |key: &str, value: Value| {
        let mut claims = world.claims();
        claims[key] = value;
        world.sign(&claims)
    };
    let good = world.sign(&world.claims());
    let (head, rest) = good.split_once('.').unwrap();
    let none = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#));
    let mut hmac_header = Header::new(Algorithm::HS256);
    hmac_header.kid = Some("k1".to_owned());
    // The public key used as an HMAC secret (RFC 8725, section 2.1).
    let confused =
        jsonwebtoken::encode(&hmac_header, &world.claims(), &EncodingKey::from_secret(&world.issuer.modulus))
            .unwrap();
    let refused = [
        with("iss", json!("https://elsewhere.example")),
        with("aud", json!("https://elsewhere.example")),
        with("nbf", json!(world.clock.now().timestamp() + 3600)),
        with("role", json!("owner")),
        world.sign_as(&world.claims(), |header| header.typ = Some("logout+jwt".to_owned())),
        world.sign_as(&world.claims(), |header| header.crit = Some(vec!["b64".to_owned()])),
        world.sign_as(&world.claims(), |header| header.kid = None),
        world.sign_as(&world.claims(), |header| header.kid = Some("../../k1".to_owned())),
        none,
        confused,
        format!("{head}.{}", rest.replacen('e', "f", 1)),
        "not a token".to_owned(),
        "a".repeat(100_000),
    ];
    for token in refused {
        assert_eq!(world.verifier.verify(&token).await, Err(TokenError::Invalid), "{token:.80}");
    }
}

#[tokio::test]
async fn known_keys_go_on_verifying_while_the_issuer_is_away() {
    let world = world();
    let token = world.sign(&world.claims());
    world.verifier.verify(&token).await.unwrap();
    world.issuer.away.store(true, Ordering::SeqCst);
    world.clock.advance(TimeDelta::hours(1));
    assert!(world.verifier.verify(&token).await.is_ok());
}

#[tokio::test]
async fn without_ever_seeing_a_key_the_answer_is_unavailable_and_recovers() {
    let world = world();
    world.issuer.away.store(true, Ordering::SeqCst);
    let token = world.sign(&world.claims());
    assert_eq!(world.verifier.verify(&token).await, Err(TokenError::Unavailable));
    world.issuer.away.store(false, Ordering::SeqCst);
    assert!(world.verifier.verify(&token).await.is_ok());
}

#[tokio::test]
async fn unknown_key_ids_do_not_become_a_flood_of_fetches() {
    let world = world();
    world.verifier.verify(&world.sign(&world.claims())).await.unwrap();
    for nth in 0..50 {
        let forged = world.sign_as(&world.claims(), |header| header.kid = Some(format!("k-{nth}")));
        assert_eq!(world.verifier.verify(&forged).await, Err(TokenError::Invalid));
    }
    assert!(world.issuer.fetches.load(Ordering::SeqCst) <= 2);
}
