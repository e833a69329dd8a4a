use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

/// How long a person may take to sign in, or to decide.
const LIFETIME: TimeDelta = TimeDelta::minutes(30);
const OWN: [&str; 3] = ["exp", "ba_iat", "sig"];

/// What a signed query was made for: one is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Authorize,
    EndSession,
}

/// A request that waits while its person is on a page of ours: the query of that page holds all of
/// it, signed, and nothing is kept.
pub struct QuerySigner(hmac::Key);

impl fmt::Debug for QuerySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuerySigner")
    }
}

/// A request that waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    pub parameters: Vec<(String, String)>,
    /// When it came first.
    pub requested_at: DateTime<Utc>,
}

impl QuerySigner {
    pub fn new(secret: &SecretString) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let derived = hmac::sign(&master, b"intellistack gateway signed query v1");
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// The query that holds the parameters, to be signed again after [`Self::open`] with the time
    /// that was in it.
    pub fn sign(
        &self,
        purpose: Purpose,
        parameters: &[(String, String)],
        requested_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> String {
        let mut all: Vec<(String, String)> =
            parameters.iter().filter(|(name, _)| !OWN.contains(&name.as_str())).cloned().collect();
        all.push(("exp".to_owned(), (now + LIFETIME).timestamp().to_string()));
        all.push(("ba_iat".to_owned(), requested_at.timestamp_millis().to_string()));
        let tag = STANDARD.encode(hmac::sign(&self.0, canonical(purpose, &all).as_bytes()));
        all.push(("sig".to_owned(), tag));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish()
    }

    /// Nothing for a query that was not signed for this, was changed, or is too old.
    pub fn open(&self, purpose: Purpose, query: &str, now: DateTime<Utc>) -> Option<Waited> {
        let mut all: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        // Providers append to the address that they lead back to.
        let place = all.iter().position(|(name, _)| name == "sig")?;
        all.truncate(place + 1);
        let (_, tag) = all.pop()?;
        let tag = STANDARD.decode(tag).ok()?;
        hmac::verify(&self.0, canonical(purpose, &all).as_bytes(), &tag).ok()?;
        let number = |name: &str| {
            let (_, value) = all.iter().find(|(known, _)| known == name)?;
            value.parse::<i64>().ok()
        };
        let (expires, requested_at) = (number("exp")?, DateTime::from_timestamp_millis(number("ba_iat")?)?);
        all.retain(|(name, _)| !OWN.contains(&name.as_str()));
        (now.timestamp() < expires).then_some(Waited { parameters: all, requested_at })
    }
}

/// The same for every order of the parameters.
fn canonical(purpose: Purpose, parameters: &[(String, String)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort();
    let purpose = match purpose {
        Purpose::Authorize => "authorize",
        Purpose::EndSession => "end-session",
    };
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(sorted).finish();
    format!("{purpose}?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> QuerySigner {
        QuerySigner::new(&SecretString::from("x".repeat(32)))
    }

    fn asked() -> Vec<(String, String)> {
        [("client_id", "c1"), ("scope", "openid email"), ("state", "a&b=c")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    #[test]
    fn what_was_signed_comes_back_and_nothing_else() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let query = signer().sign(Purpose::Authorize, &asked(), now, now);
        let opened = signer().open(Purpose::Authorize, &query, now + TimeDelta::minutes(29)).unwrap();
        assert_eq!(opened, Waited { parameters: asked(), requested_at: now });
        let appended = format!("{query}&error=access_denied");
        assert_eq!(signer().open(Purpose::Authorize, &appended, now), Some(opened));
        assert_eq!(signer().open(Purpose::EndSession, &query, now), None);
        assert_eq!(signer().open(Purpose::Authorize, &query, now + TimeDelta::minutes(30)), None);
        assert_eq!(signer().open(Purpose::Authorize, &query.replace("c1", "c2"), now), None);
        assert_eq!(signer().open(Purpose::Authorize, &format!("prompt=none&{query}"), now), None);
        assert_eq!(signer().open(Purpose::Authorize, "client_id=c1", now), None);
    }

    #[test]
    fn a_request_cannot_say_itself_when_it_came() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let mut forged = asked();
        forged.push(("ba_iat".to_owned(), "1".to_owned()));
        let query = signer().sign(Purpose::Authorize, &forged, now, now);
        assert_eq!(signer().open(Purpose::Authorize, &query, now).unwrap().requested_at, now);
    }
}
