//! Tokens that are not the issuer's, not for us, or not for now.

use auth::TokenError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey};
use kernel::Clock;
use serde_json::{Value, json};

use crate::holder::Holder;
use crate::world::{ISSUER, World, jwk, rsa_key, sign_text, with, without, world};

const HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"k1"}"#;

async fn assert_refused(world: &World, token: &str) {
    assert_eq!(world.verifier.verify(token).await, Err(TokenError::Invalid), "{token:.120}");
}

#[tokio::test]
async fn a_good_token_is_accepted_until_it_expires() {
    let world = world();
    let token = world.sign(&world.claims());
    assert_eq!(world.verifier.verify(&token).await.unwrap().sub, "u1");
    world.clock.advance(TimeDelta::hours(6) + TimeDelta::seconds(29));
    assert!(world.verifier.verify(&token).await.is_ok());
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(world.verifier.verify(&token).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    let world = world();
    let good = world.sign(&world.claims());
    let (_, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    for alg in ["none", "None", "NONE", ""] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"k1"}}"#));
        assert_refused(&world, &format!("{header}.{payload}.")).await;
        assert_refused(&world, &format!("{header}.{payload}")).await;
        assert_refused(&world, &format!("{header}.{payload}.{signature}")).await;
    }
}

/// RFC 8725, section 2.1.
#[tokio::test]
async fn the_public_key_is_no_shared_secret() {
    let world = world();
    let public = world.issuer.public();
    let modulus = URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
    let set = json!({"keys": [public.clone()]}).to_string();
    for secret in [modulus, public.to_string().into_bytes(), set.into_bytes(), Vec::new()] {
        for (alg, name) in
            [(Algorithm::HS256, "HS256"), (Algorithm::HS384, "HS384"), (Algorithm::HS256, "RS256")]
        {
            let header = format!(r#"{{"alg":"{name}","typ":"JWT","kid":"k1"}}"#);
            let key = EncodingKey::from_secret(&secret);
            assert_refused(&world, &sign_text(&header, &world.claims().to_string(), &key, alg)).await;
        }
    }
}

#[tokio::test]
async fn only_rs256_written_so_is_an_algorithm() {
    let world = world();
    let claims = world.claims().to_string();
    for alg in ["rs256", "Rs256", "RS256 ", "RS384", "PS256", "ES256", "EdDSA", "RSA-OAEP"] {
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"k1"}}"#);
        assert_refused(&world, &world.sign_text(&header, &claims)).await;
    }
    for alg in [r#"["RS256"]"#, "null", "1", r#"{"RS256":1}"#] {
        let header = format!(r#"{{"alg":{alg},"typ":"JWT","kid":"k1"}}"#);
        assert_refused(&world, &world.sign_text(&header, &claims)).await;
    }
    for (alg, name) in [(Algorithm::RS384, "RS384"), (Algorithm::PS256, "PS256"), (Algorithm::RS512, "RS256")]
    {
        let header = format!(r#"{{"alg":"{name}","typ":"JWT","kid":"k1"}}"#);
        assert_refused(&world, &sign_text(&header, &claims, &world.issuer.key, alg)).await;
    }
}

#[tokio::test]
async fn a_key_for_something_else_verifies_no_token() {
    let world = world();
    let elliptic = Holder::ec();
    let (encrypts, other) = (rsa_key(), rsa_key());
    {
        let mut set = world.issuer.jwks.lock().unwrap();
        let mut public = elliptic.jwk.clone();
        public["kid"] = json!("ec");
        set.keys.push(serde_json::from_value(public).unwrap());
        set.keys.push(serde_json::from_value(json!({"kty": "oct", "k": "c2VjcmV0", "kid": "oct"})).unwrap());
        let mut public = serde_json::to_value(jwk(&encrypts, "enc")).unwrap();
        public["use"] = json!("enc");
        set.keys.push(serde_json::from_value(public).unwrap());
        let mut public = serde_json::to_value(jwk(&other, "ps")).unwrap();
        public["alg"] = json!("PS256");
        set.keys.push(serde_json::from_value(public).unwrap());
        let mut nameless = jwk(&other, "none");
        nameless.common.key_id = None;
        set.keys.push(nameless);
    }
    let claims = world.claims().to_string();
    let header = |alg: &str, kid: &str| format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{kid}"}}"#);
    let es256 = |kid: &str| sign_text(&header("ES256", kid), &claims, &elliptic.key, Algorithm::ES256);
    let secret = EncodingKey::from_secret(b"secret");
    for token in [
        es256("ec"),
        es256("k1"),
        sign_text(&header("RS256", "ec"), &claims, &elliptic.key, Algorithm::ES256),
        sign_text(&header("HS256", "oct"), &claims, &secret, Algorithm::HS256),
        sign_text(&header("RS256", "oct"), &claims, &secret, Algorithm::HS256),
        sign_text(&header("RS256", "enc"), &claims, &encrypts, Algorithm::RS256),
        sign_text(&header("PS256", "ps"), &claims, &other, Algorithm::PS256),
        sign_text(&header("RS256", "ps"), &claims, &other, Algorithm::RS256),
    ] {
        assert_refused(&world, &token).await;
    }
    // The set was read, for all that.
    assert!(world.verifier.verify(&world.sign(&world.claims())).await.is_ok());
}

#[tokio::test]
async fn a_key_id_is_a_name_and_nothing_else() {
    let world = world();
    world.verifier.verify(&world.sign(&world.claims())).await.unwrap();
    for kid in [
        "../../k1",
        "k1/../k1",
        "file:///etc/passwd",
        "https://evil.example/jwks",
        "' or '1'='1",
        "k1' --",
        "x' union select public_jwk from session.signing_keys --",
        "K1",
        "k1 ",
        "k1\0",
        "",
    ] {
        let token = world.sign_as(&world.claims(), |header| header.kid = Some(kid.to_owned()));
        assert_refused(&world, &token).await;
    }
    for kid in ["1", "null", r#"["k1"]"#, r#"{"k1":1}"#] {
        let header = format!(r#"{{"alg":"RS256","typ":"JWT","kid":{kid}}}"#);
        assert_refused(&world, &world.sign_text(&header, &world.claims().to_string())).await;
    }
    let none = world.sign_as(&world.claims(), |header| header.kid = None);
    assert_refused(&world, &none).await;
    assert!(world.issuer.fetches() <= 2, "unknown names are no storm of questions");
}

#[tokio::test]
async fn keys_that_a_token_brings_along_count_for_nothing() {
    let world = world();
    let stranger = rsa_key();
    let public = serde_json::to_value(jwk(&stranger, "k1")).unwrap();
    let claims = world.claims().to_string();
    for (name, value) in [
        ("jwk", public),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/x5u")),
        ("x5c", json!(["MIIB"])),
        ("jwk", json!("no key")),
    ] {
        let mut header: Value = serde_json::from_str(HEADER).unwrap();
        header[name] = value;
        for kid in ["k1", "stranger"] {
            header["kid"] = json!(kid);
            let forged = sign_text(&header.to_string(), &claims, &stranger, Algorithm::RS256);
            assert_refused(&world, &forged).await;
        }
        // With the right key it is as if it were not there.
        header["kid"] = json!("k1");
        let good = world.sign_text(&header.to_string(), &claims);
        assert!(world.verifier.verify(&good).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn no_extension_can_be_demanded() {
    let world = world();
    for crit in [r#"["b64"]"#, r#"["exp"]"#, "[]", "null", "{}", "\"exp\""] {
        let header = format!(r#"{{"alg":"RS256","typ":"JWT","kid":"k1","b64":true,"crit":{crit}}}"#);
        assert_refused(&world, &world.sign_text(&header, &world.claims().to_string())).await;
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_audience_or_time_is_refused() {
    let world = world();
    let now = world.clock.now().timestamp();
    let claims = world.claims();
    for (name, value) in [
        ("iss", json!("https://elsewhere.example")),
        ("iss", json!(format!("{ISSUER}/"))),
        ("iss", json!([ISSUER])),
        ("aud", json!("https://elsewhere.example")),
        ("aud", json!("http://127.0.0.1:8080/")),
        ("aud", json!(["https://elsewhere.example", "http://127.0.0.1:80801"])),
        ("aud", json!([])),
        ("aud", json!([["http://127.0.0.1:8080"]])),
        ("aud", json!({"http://127.0.0.1:8080": 1})),
        ("nbf", json!(now + 31)),
        ("nbf", json!(i64::MAX)),
        ("nbf", json!("0")),
        ("exp", json!((now + 3600).to_string())),
        ("exp", json!(1e300)),
        ("role", json!("owner")),
        ("role", json!(["admin"])),
        ("email_verified", json!("true")),
        ("sep", json!(-1)),
    ] {
        assert_refused(&world, &world.sign(&with(&claims, name, value))).await;
    }
    for name in ["iss", "aud", "exp", "sub"] {
        assert_refused(&world, &world.sign(&without(&claims, name))).await;
        assert_refused(&world, &world.sign(&with(&claims, name, Value::Null))).await;
    }
    let early = with(&claims, "nbf", json!(now + 30));
    assert!(world.verifier.verify(&world.sign(&early)).await.is_ok());
    for past in [now - 30, 0, -1, i64::MIN] {
        let old = world.sign(&with(&claims, "exp", json!(past)));
        assert_eq!(world.verifier.verify(&old).await, Err(TokenError::Expired), "{past}");
    }
}

#[tokio::test]
async fn an_oversize_token_is_refused_at_the_right_signature() {
    let world = world();
    let sized = |length: usize| with(&world.claims(), "name", json!("x".repeat(length)));
    assert!(world.verifier.verify(&world.sign(&sized(5_000))).await.is_ok());
    assert_refused(&world, &world.sign(&sized(8 * 1024))).await;
    assert_refused(&world, &"a".repeat(100_000)).await;
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    assert_refused(&world, &world.sign_text(HEADER, &deep)).await;
}

#[tokio::test]
async fn a_member_that_is_there_twice_is_refused() {
    let world = world();
    let claims = world.claims().to_string();
    for (name, value) in [
        ("role", r#""admin""#),
        ("exp", "9999999999"),
        ("sub", r#""admin""#),
        ("aud", r#""http://127.0.0.1:8080""#),
        ("name", r#""A""#),
        // Nobody reads it, and still.
        ("x", "1,\"x\":1"),
        ("y", r#"{"a":1,"a":1}"#),
    ] {
        for twice in [
            format!(r#"{{"{name}":{value},{}"#, &claims[1..]),
            format!(r#"{},"{name}":{value}}}"#, &claims[..claims.len() - 1]),
            format!(
                r#"{},"\u00{:02x}{}":{value}}}"#,
                &claims[..claims.len() - 1],
                name.as_bytes()[0],
                &name[1..]
            ),
        ] {
            assert_refused(&world, &world.sign_text(HEADER, &twice)).await;
        }
    }
    for header in [
        r#"{"alg":"none","alg":"RS256","typ":"JWT","kid":"k1"}"#,
        r#"{"alg":"RS256","typ":"JWT","kid":"k1","kid":"k1"}"#,
        r#"{"alg":"RS256","typ":"logout+jwt","typ":"JWT","kid":"k1"}"#,
        r#"{"alg":"RS256","typ":"JWT","kid":"k1","x":1,"x":1}"#,
    ] {
        assert_refused(&world, &world.sign_text(header, &claims)).await;
    }
}

#[tokio::test]
async fn what_only_looks_like_a_token_is_none() {
    let world = world();
    let good = world.sign(&world.claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, rest) = good.split_once('.').unwrap();
    for odd in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "not a token".to_owned(),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{good}="),
        format!("{good} "),
        format!("{signed}.{signature}A"),
        format!("{signed}. {signature}"),
        format!("{signed}."),
        signed.to_owned(),
        good.replace('.', ".."),
        format!("{head}.{}", rest.replacen('e', "f", 1)),
        good[..good.len() - 4].to_owned(),
    ] {
        assert_refused(&world, &odd).await;
    }
    let claims = world.claims().to_string();
    for odd in ["", "null", "[]", "\"x\"", "{", "{}", "\u{feff}{}", r#"["RS256","JWT","k1"]"#] {
        assert_refused(&world, &world.sign_text(HEADER, odd)).await;
        assert_refused(&world, &world.sign_text(odd, &claims)).await;
    }
}
