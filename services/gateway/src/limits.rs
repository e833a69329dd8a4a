use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use api::rate_limit::{ThrottleRequest, UnthrottleRequest};
use aws_lc_rs::hmac;
use axum::http::{Method, Request, StatusCode};
use kernel::{Error, ErrorCode, Retry};
use secrecy::{ExposeSecret, SecretString};

use crate::client_ip::network;
use crate::state::App;

/// What one address may do in a while, shared by all gateways through the rate-limit service.
/// Generous: a school sits behind one address, and single accounts have their own lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthLimits([Option<Limit>; 5]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit {
    calls: u32,
    seconds: u32,
}

/// The kinds of calls that are counted; reading is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Given back when it succeeds: failures count.
    SignIn,
    SignUp,
    /// Sends a mail.
    Mail,
    /// Takes a password.
    Password,
    Write,
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::SignIn, "sign-in"),
    (Kind::SignUp, "sign-up"),
    (Kind::Mail, "mail"),
    (Kind::Password, "password"),
    (Kind::Write, "write"),
];

impl Default for AuthLimits {
    fn default() -> Self {
        let limit = |calls, seconds| Some(Limit { calls, seconds });
        Self([limit(100, 600), limit(100, 600), limit(30, 600), limit(100, 600), limit(600, 60)])
    }
}

/// `off`, or a comma list of `kind=calls/seconds` that changes the defaults: `sign-in=100/600`.
impl FromStr for AuthLimits {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.trim() == "off" {
            return Ok(Self([None; 5]));
        }
        let mut limits = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (kind, limit) = entry(part).ok_or_else(|| {
                Error::invalid(
                    "INVALID_AUTH_LIMITS",
                    format!("{part:?} is not kind=calls/seconds with a kind among sign-in, sign-up, mail, password and write"),
                )
            })?;
            limits.0[kind] = Some(limit);
        }
        Ok(limits)
    }
}

fn entry(text: &str) -> Option<(usize, Limit)> {
    let (name, limit) = text.split_once('=')?;
    let kind = KINDS.iter().position(|(_, known)| *known == name.trim())?;
    let (calls, seconds) = limit.split_once('/')?;
    let (calls, seconds) = (calls.trim().parse().ok()?, seconds.trim().parse().ok()?);
    ((1..=1_000_000).contains(&calls) && (1..=86_400).contains(&seconds))
        .then_some((kind, Limit { calls, seconds }))
}

fn kind(method: &Method, path: &str) -> Option<Kind> {
    // A code of few letters can be guessed.
    if path == "/oauth2/device" {
        return Some(Kind::Password);
    }
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return None;
    }
    Some(match path {
        "/sign-in/email" | "/sign-in/social" | "/sign-in/oauth2" => Kind::SignIn,
        "/sign-up/email" => Kind::SignUp,
        "/request-password-reset" | "/forget-password" | "/send-verification-email" | "/change-email" => {
            Kind::Mail
        }
        "/verify-password" | "/change-password" | "/reset-password" | "/delete-user" => Kind::Password,
        _ => Kind::Write,
    })
}

/// Counts calls by address. The service that counts learns no address: keys are keyed hashes.
pub struct Throttle {
    limits: AuthLimits,
    key: hmac::Key,
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A call that counts.
#[derive(Debug)]
pub struct Call {
    name: &'static str,
    limit: Limit,
    key: String,
    refundable: bool,
}

impl Throttle {
    pub fn new(limits: AuthLimits, secret: &SecretString) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let derived = hmac::sign(&master, b"intellistack gateway throttle v1");
        Self { limits, key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) }
    }

    fn key(&self, name: &str, address: IpAddr) -> String {
        let tag = hmac::sign(&self.key, network(address).to_string().as_bytes());
        let tag: String = tag.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{name}:{tag}")
    }
}

impl App {
    /// What is to be counted of a call to `/api/auth`, whose path is given without that.
    pub fn call_of<B>(&self, request: &Request<B>) -> Option<Call> {
        let kind = kind(request.method(), request.uri().path())?;
        let limit = self.throttle.limits.0[kind as usize]?;
        let address = self.proxies.client(request.extensions(), request.headers())?;
        let (_, name) = KINDS[kind as usize];
        Some(Call { name, limit, key: self.throttle.key(name, address), refundable: kind == Kind::SignIn })
    }

    /// Counts a call.
    ///
    /// # Errors
    /// `TOO_MANY_REQUESTS`. While nobody counts, calls pass: accounts are locked by themselves.
    pub async fn count(&self, call: &Call) -> Result<(), Error> {
        let Call { name, limit, key, .. } = call;
        let (calls, window_seconds) = (limit.calls, limit.seconds);
        let asked = ThrottleRequest { key: key.clone(), limit: calls, window_seconds, cost: None };
        match self.throttles().throttle(asked).await {
            Ok(answer) if answer.get_ref().allowed => Ok(()),
            Ok(answer) => {
                metrics::counter!("gateway_throttled_total", "kind" => *name).increment(1);
                let wait = Duration::from_secs(answer.into_inner().retry_after_seconds.into());
                let message = "Too many requests. Please try again later.";
                let error = Error::new(ErrorCode::ResourceExhausted, "TOO_MANY_REQUESTS", message);
                Err(Error { retry: Retry::After(wait), ..error })
            }
            Err(status) => {
                metrics::counter!("gateway_uncounted_total", "kind" => *name).increment(1);
                tracing::warn!(code = ?status.code(), "calls are not counted");
                Ok(())
            }
        }
    }

    /// A call that succeeded was none of those that are counted.
    pub async fn settle(&self, call: Call, outcome: StatusCode) {
        let Call { key, refundable: true, .. } = call else { return };
        if !outcome.is_success() {
            return;
        }
        if let Err(status) = self.throttles().unthrottle(UnthrottleRequest { key, cost: None }).await {
            tracing::warn!(code = ?status.code(), "a call is not given back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_changes_what_it_names() {
        let limits: AuthLimits = "sign-in=5/60, write=10/1".parse().unwrap();
        assert_eq!(limits.0[0], Some(Limit { calls: 5, seconds: 60 }));
        assert_eq!(limits.0[4], Some(Limit { calls: 10, seconds: 1 }));
        assert_eq!(limits.0[1..4], AuthLimits::default().0[1..4]);
        assert_eq!("".parse(), Ok(AuthLimits::default()));
        assert_eq!("off".parse(), Ok(AuthLimits([None; 5])));
        for bad in ["sign-in", "sign-in=5", "sign-in=0/60", "sign-in=5/0", "login=5/60", "write=5/99999"] {
            assert_eq!(AuthLimits::from_str(bad).unwrap_err().reason, "INVALID_AUTH_LIMITS", "{bad}");
        }
    }

    #[test]
    fn kinds_stand_in_their_own_places() {
        for (place, (kind, _)) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
        assert_eq!(kind(&Method::GET, "/sign-in/email"), None);
        assert_eq!(kind(&Method::POST, "/sign-in/email"), Some(Kind::SignIn));
        assert_eq!(kind(&Method::POST, "/update-user"), Some(Kind::Write));
    }

    #[test]
    fn a_key_says_nothing_of_the_address() {
        let throttle = Throttle::new(AuthLimits::default(), &SecretString::from("x".repeat(32)));
        let key = throttle.key("mail", "203.0.113.9".parse().unwrap());
        assert_eq!(key.len(), "mail:".len() + 32);
        assert_ne!(key, throttle.key("mail", "203.0.113.8".parse().unwrap()));
        let of = |text: &str| throttle.key("mail", text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
    }
}
