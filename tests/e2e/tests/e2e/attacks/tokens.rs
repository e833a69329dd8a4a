//! Access tokens that are not ours, beyond what `tokens.rs` tries (15).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use intellistack_e2e::{Canary, System, raw};
use serde_json::{Value, json};

use super::people::{mail_with, verified};
use super::visitor::Visitor;
use crate::forge::{Issuer, chatkit_with_bearer, clock, decode, encode, with_bearer};

const ADA: &str = "ada@school.example";

/// A system that believes a key which the test holds, and the claims of a good token.
async fn believing(name: &'static str) -> (System, Issuer, Value) {
    let mut system = System::plan(name).start().await;
    let token = verified(&system, ADA).await.access_token().await;
    let key = Issuer::new();
    key.publish(&system).await;
    system.kill("all");
    system.restart("all").await;
    let claims = decode(&token, 1);
    // So that what follows fails for the reason it is meant to.
    assert_eq!(with_bearer(&system, &key.sign(&claims)).await.status.as_u16(), 200);
    (system, key, claims)
}

async fn assert_refused(system: &System, what: &str, token: &str) {
    for answer in [with_bearer(system, token).await, chatkit_with_bearer(system, token).await] {
        assert_eq!(answer.status.as_u16(), 401, "{what}: {}", answer.text());
    }
}

/// What the head says of how to verify is not obeyed: one algorithm, our keys by their names, and no
/// extension that we do not know.
#[tokio::test(flavor = "multi_thread")]
async fn line_15_the_head_of_a_token_chooses_nothing() {
    let (system, key, claims) = believing("line_15_head").await;
    let canary =
        Canary::listen("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}".to_owned()).await;
    let address = format!("http://127.0.0.1:{}", canary.port);
    let stranger = Issuer::new();
    let with = |name: &str, value: Value| {
        let mut head = json!({ "alg": "RS256", "typ": "JWT", "kid": key.kid });
        head[name] = value;
        head
    };
    for (what, head) in [
        ("crit", with("crit", json!(["exp"]))),
        ("crit of something unknown", with("crit", json!(["b64"]))),
        ("an empty crit", with("crit", json!([]))),
        ("in small letters", with("alg", json!("rs256"))),
        ("RS512", with("alg", json!("RS512"))),
        ("PS256", with("alg", json!("PS256"))),
        ("an algorithm that is none", with("alg", json!(["RS256"]))),
        ("a kid that is a number", with("kid", json!(7))),
        ("a kid that is a list", with("kid", json!([key.kid]))),
        ("a kid with a NUL", with("kid", json!(format!("{}\0", key.kid)))),
        ("no kid", json!({ "alg": "RS256", "typ": "JWT" })),
        ("an ID token", with("typ", json!("id_token+jwt"))),
        ("a logout token", with("typ", json!("logout+jwt"))),
        ("a proof of possession", with("typ", json!("dpop+jwt"))),
    ] {
        assert_refused(&system, what, &key.sign_as(&head, &claims)).await;
    }
    for (what, name, value) in [
        ("its own key", "jwk", stranger.jwk()),
        ("its key's address", "jku", json!(format!("{address}/jwks"))),
        ("its certificate's address", "x5u", json!(format!("{address}/x5u"))),
        ("its certificate", "x5c", json!(["MIIB"])),
    ] {
        for kid in [&key.kid, &stranger.kid] {
            let mut head = with(name, value.clone());
            head["kid"] = json!(kid);
            assert_refused(&system, what, &stranger.sign_as(&head, &claims)).await;
        }
        // With the right key it is as if it were not there.
        let good = key.sign_as(&with(name, value), &claims);
        assert_eq!(with_bearer(&system, &good).await.status.as_u16(), 200, "{what}");
    }
    for kid in [
        "' or '1'='1",
        "x' union select public_jwk from session.signing_keys --",
        "../../jwks",
        "file:///etc/passwd",
        "",
        "%00",
    ] {
        let head = with("kid", json!(kid));
        assert_refused(&system, kid, &stranger.sign_as(&head, &claims)).await;
        assert_refused(&system, kid, &key.sign_as(&head, &claims)).await;
    }
    assert_refused(&system, "ES256", &es256(&key.kid, &claims)).await;
    assert_eq!(canary.visits(), 0, "nobody asked the address in a token");
    system.assert_no_panic();
}

fn es256(kid: &str, claims: &Value) -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let head = json!({ "alg": "ES256", "typ": "JWT", "kid": kid });
    let text = format!("{}.{}", encode(&head), encode(claims));
    let signature = pair.sign(&SystemRandom::new(), text.as_bytes()).expect("a signature");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Signed by our own key and still none: something is missing, of another kind, there twice, or too much.
#[tokio::test(flavor = "multi_thread")]
async fn line_15_claims_are_read_strictly_even_under_our_signature() {
    let (system, key, claims) = believing("line_15_claims").await;
    let now = clock().timestamp();
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().expect("an object").remove(name);
        claims
    };
    for name in ["exp", "iss", "aud", "sub", "sid", "role", "email_verified"] {
        assert_refused(&system, name, &key.sign(&without(name))).await;
        assert_refused(&system, name, &key.sign(&with(name, Value::Null))).await;
        assert_refused(&system, name, &key.sign(&with(name, json!({ "x": 1 })))).await;
    }
    let origin = system.api.origin();
    for (name, value) in [
        ("exp", json!((now + 3600).to_string())),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("exp", json!(now - 60)),
        ("nbf", json!(now + 3600)),
        ("iss", json!(origin)),
        ("iss", json!(format!("{origin}/api/auth/"))),
        ("aud", json!(format!("{origin}/"))),
        ("aud", json!(["https://evil.example"])),
        ("aud", json!([])),
        ("role", json!("owner")),
        ("role", json!(["admin"])),
        ("email_verified", json!("true")),
        // Of another session or person than any that is known to be live.
        ("sub", json!("")),
    ] {
        let what = format!("{name}: {value}");
        assert_refused(&system, &what, &key.sign(&with(name, value))).await;
    }

    // Readers disagree on which of two counts.
    let head = json!({ "alg": "RS256", "typ": "JWT", "kid": key.kid }).to_string();
    let text = claims.to_string();
    for (name, value) in
        [("role", r#""admin""#), ("exp", "9999999999"), ("sub", r#""admin""#), ("sid", r#""x""#)]
    {
        for twice in [
            format!(r#"{{"{name}":{value},{}"#, &text[1..]),
            format!(r#"{},"{name}":{value}}}"#, &text[..text.len() - 1]),
            format!(
                r#"{},"\u00{:02x}{}":{value}}}"#,
                &text[..text.len() - 1],
                name.as_bytes()[0],
                &name[1..]
            ),
        ] {
            assert_refused(&system, &twice, &key.sign_text(&head, &twice)).await;
        }
    }
    let two_heads = format!(r#"{{"alg":"none",{}"#, &head[1..]);
    assert_refused(&system, "two algorithms", &key.sign_text(&two_heads, &text)).await;
    for odd in ["", "null", "[]", "\"x\"", "{", "{}", "\u{feff}{}"] {
        assert_refused(&system, odd, &key.sign_text(&head, odd)).await;
        assert_refused(&system, odd, &key.sign_text(odd, &text)).await;
    }
    system.assert_no_panic();
}

/// Too large, too deep, or of a shape that only looks like a token.
#[tokio::test(flavor = "multi_thread")]
async fn line_15_a_token_of_another_size_shape_or_place_is_none() {
    let (system, key, claims) = believing("line_15_shape").await;
    let head = json!({ "alg": "RS256", "typ": "JWT", "kid": key.kid }).to_string();
    let mut large = claims.clone();
    large["name"] = json!("x".repeat(8 * 1024));
    // Oversize, at the right signature; and shapes that are no token.
    assert_refused(&system, "oversize", &key.sign(&large)).await;
    let good = key.sign(&claims);
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    assert_refused(&system, "deep", &key.sign_text(&head, &deep)).await;
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    for odd in [
        format!("{good}.x"),
        format!(".{good}"),
        format!("{good}="),
        format!("{signed}.{signature}A"),
        format!("{signed}. {signature}"),
        format!("{signed}."),
        signed.to_owned(),
        good.replace('.', ".."),
    ] {
        assert_refused(&system, &odd, &odd).await;
    }
    // Two of them, or in another place.
    let twice = format!("authorization: Bearer {good}\r\nauthorization: Bearer x\r\n");
    let (status, _, _) = raw::get(system.api.origin(), "/api/v1/me/quota", &twice).await;
    assert!(matches!(status, 200 | 400 | 401), "{status}");
    let query = system.api.get(&format!("/api/v1/me/quota?access_token={good}")).await;
    assert_eq!(query.status.as_u16(), 401, "a token in an address is none");
    system.assert_no_panic();
}

/// Names of keys that nobody knows make nobody ask for keys again and again.
#[tokio::test(flavor = "multi_thread")]
async fn line_15_a_flood_of_unknown_keys_is_no_flood_of_questions() {
    let (system, key, claims) = believing("line_15_flood").await;
    let stranger = Issuer::new();
    let before = fetches(&system).await;
    let good = key.sign(&claims);
    let flood = (0..300).map(|nth| {
        let head = json!({ "alg": "RS256", "typ": "JWT", "kid": format!("unknown-{nth}") });
        (stranger.sign_as(&head, &claims), &good)
    });
    let answers = futures::future::join_all(flood.map(|(forged, good)| {
        let system = &system;
        async move { (with_bearer(system, &forged).await, with_bearer(system, good).await) }
    }))
    .await;
    for (forged, good) in answers {
        assert_eq!((forged.status.as_u16(), good.status.as_u16()), (401, 200), "{}", good.text());
    }
    let asked = fetches(&system).await - before;
    // One for the first unknown name, one more where the flood takes longer than ten seconds.
    assert!(asked <= 3, "the keys were asked for {asked} times");
    system.assert_no_panic();
}

async fn fetches(system: &System) -> u64 {
    let metrics = system.ops("all").get("/metrics").await.text();
    let line = metrics.lines().find(|line| line.starts_with("gateway_key_set_fetches_total"));
    let line = line.unwrap_or_else(|| panic!("the metric is there: {metrics}"));
    line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a number")
}

/// What was made for a mail, a cookie or a provider is no access token, and no access token is one of
/// these.
#[tokio::test(flavor = "multi_thread")]
async fn line_15_a_token_of_one_purpose_is_none_of_another() {
    let system = System::plan("line_15_types").start().await;
    let mut eve = Visitor::new(&system);
    eve.sign_up("eve@school.example").await.expect(200);
    let token_of = |link: &str| {
        link.split("token=").nth(1).and_then(|rest| rest.split('&').next()).expect("a token").to_owned()
    };
    let verify = token_of(&mail_with(&system, "eve@school.example", "/verify-email").await.link());
    eve.get(&format!("/api/auth/verify-email?token={verify}")).await.expect(200);
    eve.post("/api/auth/change-email", &json!({ "newEmail": "new@school.example" })).await.expect(200);
    let subject = "eve@school.example";
    let change = intellistack_e2e::eventually("the mail about the change", || async {
        let mails = system.mail.to(subject).into_iter().map(|mail| mail.link());
        mails
            .filter(|link| link.contains("/verify-email"))
            .map(|link| token_of(&link))
            .find(|token| *token != verify)
    })
    .await;
    eve.post("/api/auth/delete-user", &json!({})).await.expect(200);
    let delete = token_of(&mail_with(&system, subject, "/delete-user/callback").await.link());
    let reset = super::people::reset_token(&system, subject).await;
    let cookie = eve.cookie("session_token").expect("a session").clone();
    let session = cookie.split('.').next().expect("a token").to_owned();
    let device = eve.cookie("known_device").cloned().unwrap_or_default();
    let access = eve.access_token().await;
    for (what, token) in [
        ("a link that verifies", &verify),
        ("a link that changes the address", &change),
        ("a link that deletes", &delete),
        ("a link that resets", &reset),
        ("a cookie", &cookie),
        ("a session", &session),
        ("a device", &device),
    ] {
        assert_refused(&system, what, token).await;
    }
    let session_of = async |token: &str| {
        let request = system.api.request(reqwest::Method::GET, "/api/auth/get-session");
        intellistack_e2e::Answer::of(request.header("authorization", format!("Bearer {token}")))
            .await
            .expect(200)
    };
    for token in [&verify, &change, &delete, &reset, &access, &device] {
        assert_eq!(session_of(token).await, Value::Null, "{token}");
        let planted = format!("cookie: better-auth.session_token={token}\r\n");
        let (_, _, body) = raw::get(system.api.origin(), "/api/auth/get-session", &planted).await;
        assert!(body.ends_with("null"), "{body}");
    }
    for token in [&change, &delete, &reset, &session, &access] {
        let opened = system.api.get(&format!("/api/auth/reset-password/{token}x?callbackURL=%2Fx")).await;
        assert!(opened.header("location").contains("INVALID_TOKEN"), "{}", opened.text());
    }
    for token in [&delete, &reset, &session, &access] {
        let opened = system.api.get(&format!("/api/auth/verify-email?token={token}")).await;
        assert_eq!(opened.status.as_u16(), 401, "{}", opened.text());
    }
    assert!(session_of(&session).await.is_object(), "and the session is one");
    system.assert_no_panic();
}
