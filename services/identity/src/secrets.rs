//! What is derived from AUTH_SECRET: keyed hashes of addresses, mailed tokens, device tokens.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::{Entropy, Error, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::account::Account;
use crate::domain::email::EmailAddress;
use crate::error;
use crate::social::Flow;

/// How long a link that proves an address works.
pub(crate) const LINK_LIFETIME: TimeDelta = TimeDelta::hours(1);
const MIN_SECRET_BYTES: usize = 32;
/// A longer token is refused before it is parsed.
const MAX_TOKEN_BYTES: usize = 4096;
const DEVICE_ID_CHARS: usize = 22;

/// Keys made of AUTH_SECRET.
#[derive(Clone)]
pub(crate) struct Secrets {
    addresses: hmac::Key,
    mailed: hmac::Key,
    devices: hmac::Key,
    social: hmac::Key,
    sign: EncodingKey,
    check: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// What a link in a mail is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LinkPurpose {
    /// Proves the address of the account.
    #[serde(rename = "verify-email")]
    Verify,
    /// Mailed to the old address: its owner agrees to the change.
    #[serde(rename = "change-email-confirmation")]
    ConfirmChange,
    /// Mailed to the new address: proves it and swaps it in.
    #[serde(rename = "change-email-verification")]
    VerifyChange,
}

/// The claims of a mailed link. Stateless as the Better-Auth contract has it (section 4): bound to
/// purpose, user and address, good until it expires, and opening it twice changes nothing. The
/// epoch ends the links of a pending change when the standing of the account changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkClaims {
    /// The account's address when the link was mailed.
    pub(crate) email: String,
    #[serde(rename = "updateTo", default, skip_serializing_if = "Option::is_none")]
    pub(crate) update_to: Option<String>,
    #[serde(rename = "userId")]
    pub(crate) user_id: String,
    #[serde(rename = "requestType")]
    pub(crate) purpose: LinkPurpose,
    #[serde(default)]
    pub(crate) epoch: u64,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

/// Tokens that are stored as a hash and good once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailedPurpose {
    ResetPassword,
    DeleteAccount,
}

impl MailedPurpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset-password",
            Self::DeleteAccount => "delete-account",
        }
    }

    pub(crate) fn lifetime(self) -> TimeDelta {
        match self {
            Self::ResetPassword => TimeDelta::hours(1),
            Self::DeleteAccount => TimeDelta::hours(24),
        }
    }

    /// Characters of five bits each.
    fn length(self) -> usize {
        match self {
            Self::ResetPassword => 24,
            Self::DeleteAccount => 32,
        }
    }
}

impl Secrets {
    pub(crate) fn new(auth_secret: &SecretString) -> Result<Self, Error> {
        let secret = auth_secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(error::invalid_options(format!(
                "AUTH_SECRET needs at least {MIN_SECRET_BYTES} bytes"
            )));
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = |what: &str| {
            let tag = hmac::sign(&root, format!("intellistack identity: {what}").as_bytes());
            hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref())
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp"]);
        // Checked against the injected clock, without leeway.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Ok(Self {
            addresses: derived("addresses"),
            mailed: derived("mailed tokens"),
            devices: derived("devices"),
            social: derived("sign-in at a provider"),
            sign: EncodingKey::from_secret(secret),
            check: DecodingKey::from_secret(secret),
            validation,
        })
    }

    /// Stands for an address where the address itself must not: 128 bits in hexadecimal.
    pub(crate) fn address_key(&self, email: &EmailAddress) -> String {
        self.key_of(email.as_str())
    }

    /// The same for an address that an account has.
    pub(crate) fn key_of(&self, email: &str) -> String {
        let tag = hmac::sign(&self.addresses, email.as_bytes());
        hex::encode(&tag.as_ref()[..16])
    }

    /// The token of a mailed link.
    pub(crate) fn sign_link(&self, claims: &LinkClaims) -> Result<String, Error> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.sign).map_err(|error| {
            tracing::error!(%error, "the token of a link could not be signed");
            Error::internal()
        })
    }

    /// # Errors
    /// `INVALID_TOKEN` or `TOKEN_EXPIRED`, both unauthenticated.
    pub(crate) fn check_link(&self, token: &str, now: DateTime<Utc>) -> Result<LinkClaims, Error> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(error::invalid_token());
        }
        let claims = jsonwebtoken::decode::<LinkClaims>(token, &self.check, &self.validation)
            .map_err(|_| error::invalid_token())?
            .claims;
        if claims.exp <= now.timestamp() {
            return Err(error::token_expired());
        }
        Ok(claims)
    }

    /// The token that is mailed because of a request. Derived, so that no queue ever holds it and a
    /// mail that is sent again is the same mail.
    pub(crate) fn mailed_token(
        &self,
        purpose: MailedPurpose,
        user: &UserId,
        requested_at: DateTime<Utc>,
    ) -> String {
        /// Digits and lower-case letters (RFC 4648, section 6, in lower case).
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let message = format!("{}/{user}/{}", purpose.as_str(), requested_at.timestamp_micros());
        let tag = hmac::sign(&self.mailed, message.as_bytes());
        let letters = tag.as_ref().iter().take(purpose.length());
        letters.map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
    }

    /// What the browser keeps of a device on which the user signed in (OWASP "device cookies"), good
    /// for as long as the password is the same.
    pub(crate) fn new_device(&self, account: &Account, entropy: &dyn Entropy) -> String {
        let id = entropy.alphanumeric(DEVICE_ID_CHARS);
        format!("{id}.{}", hex::encode(self.device_tag(account, &id)))
    }

    /// The token by which a device is known from now on: the one it has, if it is known to the user.
    pub(crate) fn device_token(&self, known: String, account: &Account, entropy: &dyn Entropy) -> String {
        if self.known_device(&known, account).is_some() { known } else { self.new_device(account, entropy) }
    }

    /// The device, if the token is one of ours for this user.
    pub(crate) fn known_device<'a>(&self, token: &'a str, account: &Account) -> Option<&'a str> {
        let (id, tag) = token.split_once('.').filter(|(id, _)| id.len() == DEVICE_ID_CHARS)?;
        let tag = hex::decode(tag).ok()?;
        constant_time::verify_slices_are_equal(&tag, &self.device_tag(account, id)).ok().map(|()| id)
    }

    /// PKCE verifier (RFC 7636, section 4.1) and nonce of a sign-in at a provider.
    pub(crate) fn social_flow(&self, state: &str) -> Flow {
        let derived = |what: &str| {
            let tag = hmac::sign(&self.social, format!("{what}/{state}").as_bytes());
            URL_SAFE_NO_PAD.encode(tag.as_ref())
        };
        Flow { pkce_verifier: derived("verifier"), nonce: derived("nonce") }
    }

    fn device_tag(&self, account: &Account, id: &str) -> [u8; 32] {
        let Account { id: user, device_epoch, .. } = account;
        let tag = hmac::sign(&self.devices, format!("{id}/{user}/{device_epoch}").as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }
}

/// What is stored of a mailed token: it holds 120 random bits or more, and needs no slow hash.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use kernel::SeededEntropy;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn secrets(text: &str) -> Secrets {
        Secrets::new(&SecretString::from(text.repeat(4))).unwrap()
    }

    fn claims(user: &str, email: &str) -> LinkClaims {
        LinkClaims {
            email: email.to_owned(),
            update_to: None,
            user_id: user.to_owned(),
            purpose: LinkPurpose::Verify,
            epoch: 1,
            iat: NOW.timestamp(),
            exp: (NOW + LINK_LIFETIME).timestamp(),
        }
    }

    fn refused(token: &str, at: DateTime<Utc>) -> String {
        secrets("a secret").check_link(token, at).unwrap_err().reason.into_owned()
    }

    #[test]
    fn a_link_proves_its_user_and_address_for_an_hour() {
        let secrets = secrets("a secret");
        let claims = claims("u1", "ada@example.com");
        let token = secrets.sign_link(&claims).unwrap();
        assert_eq!(secrets.check_link(&token, NOW), Ok(claims.clone()));
        assert_eq!(secrets.check_link(&token, NOW + TimeDelta::seconds(3599)), Ok(claims));
        assert_eq!(refused(&token, NOW + TimeDelta::seconds(3600)), "TOKEN_EXPIRED");
    }

    #[test]
    fn a_link_signed_otherwise_is_no_proof() {
        let ours = secrets("a secret");
        let token = ours.sign_link(&claims("u1", "ada@example.com")).unwrap();
        let foreign = secrets("b secret").sign_link(&claims("u1", "ada@example.com")).unwrap();
        let other = ours.sign_link(&claims("u2", "eve@example.com")).unwrap();
        let [head, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
        let other_payload = other.split('.').nth(1).unwrap();
        // {"alg":"none"}
        let none = format!("eyJhbGciOiJub25lIn0.{payload}.");
        let tampered = format!("{head}.{other_payload}.{signature}");
        let long = "x".repeat(5000);
        for bad in ["", "a", "a.b.c", &foreign, &none, &tampered, &long] {
            assert_eq!(refused(bad, NOW), "INVALID_TOKEN", "{bad}");
        }
    }

    #[test]
    fn a_token_for_another_purpose_is_no_proof() {
        let ours = secrets("a secret");
        for claims in [
            serde_json::json!({ "email": "a@b.co", "userId": "u1", "requestType": "reset", "iat": 0, "exp": 10 }),
            serde_json::json!({ "email": "a@b.co", "userId": "u1", "iat": 0, "exp": 10 }),
            serde_json::json!({ "email": "a@b.co", "userId": "u1", "requestType": "verify-email", "iat": 0 }),
        ] {
            let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &ours.sign).unwrap();
            assert_eq!(refused(&token, NOW), "INVALID_TOKEN", "{claims}");
        }
    }

    #[test]
    fn mailed_tokens_are_of_the_contracts_alphabets_and_depend_on_everything() {
        let secrets = secrets("a secret");
        let (ada, eve) = (UserId::from("u1"), UserId::from("u2"));
        let token = secrets.mailed_token(MailedPurpose::ResetPassword, &ada, NOW);
        assert_eq!(token.len(), 24);
        assert_eq!(token, secrets.mailed_token(MailedPurpose::ResetPassword, &ada, NOW));
        let later = NOW + TimeDelta::microseconds(1);
        for other in [
            secrets.mailed_token(MailedPurpose::ResetPassword, &eve, NOW),
            secrets.mailed_token(MailedPurpose::ResetPassword, &ada, later),
            secrets.mailed_token(MailedPurpose::DeleteAccount, &ada, NOW),
            super::tests::secrets("b secret").mailed_token(MailedPurpose::ResetPassword, &ada, NOW),
        ] {
            assert!(!other.starts_with(&token), "{other}");
            assert!(other.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        }
    }

    #[test]
    fn a_device_is_known_to_its_user_only() {
        let secrets = secrets("a secret");
        let account = |id: &str| Account::new(UserId::from(id), String::new(), String::new(), NOW);
        let (ada, eve) = (account("u1"), account("u2"));
        let token = secrets.new_device(&ada, &SeededEntropy::new(1));
        assert_eq!(secrets.known_device(&token, &ada), token.split('.').next());
        assert_eq!(secrets.known_device(&token, &eve), None);
        assert_eq!(secrets.known_device(&token, &ada.clone().forget_devices()), None);
        for bad in ["", ".", "a.b", &token[..token.len() - 1], &token.replacen('.', "..", 1), "ä.ö"] {
            assert_eq!(secrets.known_device(bad, &ada), None, "{bad}");
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(Secrets::new(&SecretString::from("x".repeat(31))).is_err());
    }

    #[test]
    fn an_address_key_depends_on_the_secret() {
        let email = EmailAddress::parse("ada@example.com").unwrap();
        let key = secrets("a secret").address_key(&email);
        assert_eq!(key.len(), 32);
        assert_eq!(key, secrets("a secret").address_key(&email));
        assert_ne!(key, secrets("b secret").address_key(&email));
    }
}
