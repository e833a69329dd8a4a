//! Whatever follows a link, only what we mailed is believed.

use std::sync::LazyLock;

use ::fuzz::{check, near};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::SeededEntropy;

use super::*;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
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
    "e30",
    "bnVsbA",
    "eyJhbGciOiJub25lIn0",
    "eyJhbGciOiJSUzI1NiJ9",
    "eyJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJIUzM4NCJ9",
    "0",
    "a",
    "F",
    "\u{fc}",
];
const CLAIM_WORDS: &[&str] = &[
    "\"email\":",
    "\"updateTo\":",
    "\"userId\":",
    "\"requestType\":",
    "\"epoch\":",
    "\"iat\":",
    "\"exp\":",
    "\"verify-email\"",
    "\"change-email-verification\"",
    "\"reset\"",
    "null",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    ":",
    ",",
    "\"",
    "-1",
    "1e400",
    "9223372036854775808",
    "0",
];

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| secrets("a secret"));

fn secrets(text: &str) -> Secrets {
    Secrets::new(&SecretString::from(text.repeat(4))).unwrap()
}

fn claims(purpose: LinkPurpose) -> LinkClaims {
    LinkClaims {
        email: "ada@example.com".to_owned(),
        update_to: Some("new@example.com".to_owned()),
        user_id: "u1".to_owned(),
        purpose,
        epoch: 1,
        iat: NOW.timestamp(),
        exp: (NOW + LINK_LIFETIME).timestamp(),
    }
}

#[test]
fn a_link_is_believed_only_as_it_was_signed() {
    let mailed = [LinkPurpose::Verify, LinkPurpose::ConfirmChange, LinkPurpose::VerifyChange].map(claims);
    let good = mailed.clone().map(|claims| SECRETS.sign_link(&claims).unwrap());
    let foreign = secrets("b secret").sign_link(&mailed[0]).unwrap();
    let late = NOW + LINK_LIFETIME;
    let seeds = good.iter().cloned().chain([foreign]);
    check!().with_iterations(4_000).with_generator(near(seeds, WORDS).text()).for_each(|token| {
        let Ok(claims) = SECRETS.check_link(token, NOW) else { return };
        let of = good.iter().position(|good| good == token);
        assert_eq!(Some(&claims), of.map(|at| &mailed[at]), "was never signed");
        assert_eq!(SECRETS.check_link(token, late).unwrap_err().reason, "TOKEN_EXPIRED");
    });
}

/// Signed with our secret, but with claims of any shape.
#[test]
fn claims_of_any_shape_are_read_or_refused() {
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    let full = serde_json::to_string(&claims(LinkPurpose::VerifyChange)).unwrap();
    let least = r#"{"email":"a@b.co","userId":"u1","requestType":"verify-email","iat":0,"exp":10}"#;
    let words = near([full, least.to_owned()], CLAIM_WORDS);
    check!().with_iterations(4_000).with_generator(words).for_each(|text| {
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(text));
        let tag = jsonwebtoken::crypto::sign(message.as_bytes(), &SECRETS.sign, Algorithm::HS256).unwrap();
        let read = SECRETS.check_link(&format!("{message}.{tag}"), NOW);
        // Members that mean nothing may be odder than JSON allows.
        let (Ok(read), Ok(claims)) = (read, serde_json::from_slice::<serde_json::Value>(text)) else {
            return;
        };
        assert_eq!(claims["email"], read.email.as_str());
        assert_eq!(claims["userId"], read.user_id.as_str());
        assert_eq!(claims["requestType"], serde_json::to_value(read.purpose).unwrap());
        assert_eq!(claims["updateTo"].as_str(), read.update_to.as_deref());
        assert!(read.exp > NOW.timestamp());
    });
}

#[test]
fn a_device_token_of_any_shape_is_known_only_if_it_is_ours() {
    let account = |id: &str| Account::new(UserId::from(id), String::new(), String::new(), NOW);
    let (ada, eve) = (account("u1"), account("u2"));
    let token = SECRETS.new_device(&ada, &SeededEntropy::new(1));
    let of_eve = SECRETS.new_device(&eve, &SeededEntropy::new(1));
    check!().with_iterations(4_000).with_generator(near([token.clone(), of_eve], WORDS).text()).for_each(
        |sent| {
            let known = SECRETS.known_device(sent, &ada);
            assert_eq!(known.is_some(), sent.eq_ignore_ascii_case(&token) && sent[..22] == token[..22]);
            assert!(known.is_none_or(|id| token.starts_with(id)));
        },
    );
}
