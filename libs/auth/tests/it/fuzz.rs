//! Whatever a client sends as an access token, only what the issuer signed is believed.

use std::sync::LazyLock;

use auth::{Claims, Proof, ProofContext, TokenError, verify_proof};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fuzz::{check, near};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use kernel::Clock;

use crate::holder::{Holder, ath};
use crate::world::{AUDIENCE, ISSUER, World, with, world};

const WORDS: &[&str] = &[
    ".",
    "..",
    "=",
    "-",
    "_",
    "+",
    "/",
    " ",
    "\0",
    "Bearer ",
    "e30",
    "bnVsbA",
    "W10",
    "eyJhbGciOiJub25lIn0",
    "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ",
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0",
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0",
    "eyJhbGciOiJSUzM4NCIsImtpZCI6ImsxIn0",
];
const HEADER_WORDS: &[&str] = &[
    "\"alg\":",
    "\"typ\":",
    "\"kid\":",
    "\"crit\":[\"exp\"]",
    "\"jku\":\"https://evil.example\"",
    "\"jwk\":{}",
    "\"none\"",
    "\"RS256\"",
    "\"rs256\"",
    "\"HS256\"",
    "\"RS384\"",
    "\"PS256\"",
    "\"ES256\"",
    "\"JWT\"",
    "\"jwt\"",
    "\"at+jwt\"",
    "\"logout+jwt\"",
    "\"k1\"",
    "\"K1\"",
    "\"k2\"",
    "\"../k1\"",
    "null",
    "{",
    "}",
    ",",
    ":",
    "[",
    "]",
    "\"",
    "\\u0000",
];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().unwrap());
static WORLD: LazyLock<World> = LazyLock::new(world);

fn verify(token: &str) -> Result<Claims, TokenError> {
    RUNTIME.block_on(WORLD.verifier.verify(token))
}

/// What the signature covers.
fn signed_part(token: &str) -> &str {
    token.rsplit_once('.').map_or("", |(signed, _)| signed)
}

/// The token of the message; what is no JSON is not worth a signature.
fn signed(message: &str, changed: &[u8]) -> String {
    let is_json = serde_json::from_slice::<Value>(changed).is_ok();
    let sign =
        || jsonwebtoken::crypto::sign(message.as_bytes(), &WORLD.issuer.key, Algorithm::RS256).unwrap();
    format!("{message}.{}", if is_json { sign() } else { String::new() })
}

#[test]
fn a_token_is_believed_only_as_it_was_signed() {
    let mut other = WORLD.claims();
    other["sub"] = json!("u2");
    other["role"] = json!("admin");
    other["act"] = json!({"sub": "u3"});
    let good = [WORLD.sign(&WORLD.claims()), WORLD.sign(&other)];
    assert!(good.iter().all(|token| verify(token).is_ok()));
    let spliced = format!("{}.{}", signed_part(&good[0]), good[1].rsplit_once('.').unwrap().1);
    let mut refused = other.clone();
    refused["aud"] = json!("https://elsewhere.example");
    let seeds = [good[0].clone(), good[1].clone(), spliced, WORLD.sign(&refused)];
    check!().with_iterations(3_000).with_generator(near(seeds, WORDS).text()).for_each(|token| match verify(
        token,
    ) {
        Ok(claims) => {
            let of = good.iter().find(|good| signed_part(good) == signed_part(token));
            let index = usize::from(claims.sub == "u2");
            assert_eq!(of, Some(&good[index]), "was never signed");
        }
        Err(error) => assert_eq!(error, TokenError::Invalid),
    });
}

/// Even the issuer's own signature does not make an access token of everything.
#[test]
fn only_the_header_of_an_access_token_makes_one() {
    let claims = URL_SAFE_NO_PAD.encode(WORLD.claims().to_string());
    let seeds = [
        r#"{"alg":"RS256","kid":"k1"}"#,
        r#"{"typ":"JWT","alg":"RS256","kid":"k1"}"#,
        r#"{"typ":"at+jwt","alg":"RS256","kid":"k1"}"#,
        r#"{"typ":"logout+jwt","alg":"RS256","kid":"k1"}"#,
        r#"{"alg":"RS384","kid":"k1"}"#,
        r#"{"alg":"RS256","kid":"k1","crit":["exp"],"exp":1}"#,
    ];
    check!().with_iterations(300).with_generator(near(seeds, HEADER_WORDS)).for_each(|header| {
        let message = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
        let verified = verify(&signed(&message, header));
        if verified.is_err() {
            return;
        }
        let header: Value = serde_json::from_slice(header).unwrap();
        assert_eq!((&header["alg"], &header["kid"]), (&json!("RS256"), &json!("k1")));
        let typ = header["typ"].as_str().map(str::to_ascii_lowercase);
        assert!(header["typ"].is_null() || ["jwt", "at+jwt"].contains(&typ.as_deref().unwrap()), "{header}");
        assert!(header.get("crit").is_none(), "an extension that nobody here understands: {header}");
    });
}

/// Signed by the issuer, but with claims of any shape.
#[test]
fn claims_of_any_shape_are_read_or_refused() {
    let claims = WORLD.claims();
    let mut acted = claims.clone();
    acted["act"] = json!({"sub": "u3", "act": {"sub": "u4"}});
    acted["nbf"] = json!(0);
    let words: &[&str] = &[
        "\"exp\":",
        "\"nbf\":",
        "\"aud\":",
        "\"iss\":",
        "\"role\":",
        "\"sep\":",
        "\"act\":",
        "null",
        "true",
        "[]",
        "{}",
        "-1",
        "0",
        "1e400",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551616",
        "1.5",
        "\"admin\"",
        "\"\"",
        ",",
        ":",
        "[",
        "]",
        "{",
        "}",
        "http://127.0.0.1:8080",
    ];
    let seeds = [claims.to_string(), acted.to_string()];
    check!().with_iterations(300).with_generator(near(seeds, words)).for_each(|claims| {
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256","kid":"k1"}"#);
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let Ok(read) = verify(&signed(&message, claims)) else { return };
        let claims: Value = serde_json::from_slice(claims).unwrap();
        let audience = &claims["aud"];
        let one_of = |all: &Value| all.as_array().is_some_and(|all| all.contains(&json!(AUDIENCE)));
        assert!(*audience == json!(AUDIENCE) || one_of(audience), "{audience}");
        assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some(ISSUER), Some(&*read.sub)));
        assert!(read.exp > WORLD.clock.now().timestamp() - 30, "{read:?}");
    });
}

/// Whatever stands in `DPoP`: only a proof that its key signed, for this request, token and time.
#[test]
fn a_proof_is_believed_only_as_its_key_signed_it() {
    let holder = Holder::ec();
    let token = holder.token(&WORLD);
    let (method, url) = ("POST", "https://school.example/api/v1/marks");
    let now = WORLD.clock.now();
    let context = || ProofContext { method, url, access_token: Some(&token), now };
    let claims = json!({"jti": "j1", "htm": method, "htu": url, "iat": now.timestamp(), "ath": ath(&token)});
    let good = holder.sign(&claims);
    assert!(verify_proof(&good, context()).is_ok());
    let elsewhere = holder.sign(&with(&claims, "htu", json!("https://school.example/api/v1/quota")));
    let of_another = Holder::ed().sign(&claims);
    let seeds = [good.clone(), elsewhere, of_another.clone()];
    check!().with_iterations(2_000).with_generator(near(seeds, WORDS).text()).for_each(|proof| {
        match verify_proof(proof, context()) {
            Ok(Proof { jkt, .. }) => {
                let of = if jkt == holder.jkt { &good } else { &of_another };
                assert_eq!(signed_part(proof), signed_part(of), "was never signed");
            }
            Err(_) => assert_ne!(*proof, good, "is a good proof"),
        }
    });
}
