//! What is searched for by value stands in the tables as a keyed hash: it can be found by who knows
//! the value, and without AUTH_SECRET nobody can tell the value by trying.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use api::common::Personal;
use aws_lc_rs::{hkdf, hmac};
use kernel::Error;
use secrecy::{ExposeSecret, SecretString};

use crate::error;

const MIN_SECRET_BYTES: usize = 32;
const HASH_BYTES: usize = 16;
const SALT: &[u8] = b"intellistack usage-metrics";
const LABEL: &[u8] = b"hashes of the auth-event log";

/// The key of the hashes, derived from AUTH_SECRET with HKDF-SHA256 (RFC 5869): nothing else that
/// is made of the secret can be made of this.
#[derive(Clone)]
pub struct HashKey(hmac::Key);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

/// A value's hash: HMAC-SHA-256, cut to 128 bits.
pub(crate) type Hash = Vec<u8>;

/// The hashes of what an event says of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub(crate) email: Option<Hash>,
    pub(crate) new_email: Option<Hash>,
    pub(crate) ip: Option<Hash>,
    /// Of an IPv6 address: a host makes new ones up all the time within its /64.
    pub(crate) network: Option<Hash>,
}

impl HashKey {
    /// # Errors
    /// `INVALID_OPTIONS` for a secret under 32 bytes.
    pub fn derive(auth_secret: &SecretString) -> Result<Self, Error> {
        let secret = auth_secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(error::short_secret());
        }
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
        let key = derived.expand(&[LABEL], hmac::HMAC_SHA256).map(hmac::Key::from);
        key.map(Self).map_err(|_| error::short_secret())
    }

    pub(crate) fn of(&self, personal: &Personal) -> Hashes {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Hashes {
            email: given(&personal.email).map(|email| self.email(&email)),
            new_email: given(&personal.new_email).map(|email| self.email(&email)),
            ip: given(&personal.ip).map(|ip| self.ip(&ip)),
            network: network_of(&personal.ip).map(|network| self.network(network)),
        }
    }

    /// Identity keeps addresses in lower case, of ASCII alone.
    pub(crate) fn email(&self, address: &str) -> Hash {
        self.hash("email", &address.trim().to_ascii_lowercase())
    }

    /// Whatever the spelling of the address.
    pub(crate) fn ip(&self, address: &str) -> Hash {
        let address = address.trim();
        match parse(address) {
            Some(address) => self.hash("ip", &address.to_string()),
            None => self.hash("ip", &address.to_ascii_lowercase()),
        }
    }

    pub(crate) fn network(&self, network: Ipv6Addr) -> Hash {
        self.hash("network", &network.to_string())
    }

    fn hash(&self, kind: &str, value: &str) -> Hash {
        let tag = hmac::sign(&self.0, format!("{kind}\0{value}").as_bytes());
        tag.as_ref()[..HASH_BYTES].to_vec()
    }
}

/// The /64 network of an IPv6 address.
pub(crate) fn network_of(address: &str) -> Option<Ipv6Addr> {
    let Some(IpAddr::V6(address)) = parse(address.trim()) else { return None };
    Some(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
}

/// An IPv4 address in the clothes of IPv6 is an IPv4 address.
fn parse(address: &str) -> Option<IpAddr> {
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> HashKey {
        HashKey::derive(&SecretString::from(secret.repeat(4))).unwrap()
    }

    #[test]
    fn an_address_has_one_hash_however_it_is_spelt() {
        let key = key("a secret");
        assert_eq!(key.email("ada@example.com"), key.email(" Ada@Example.COM "));
        assert_eq!(key.ip("192.0.2.7"), key.ip("::ffff:192.0.2.7"));
        assert_eq!(key.ip("2001:db8::1"), key.ip("2001:0DB8:0:0:0:0:0:1"));
        assert_eq!(key.ip("Unknown"), key.ip("unknown "));
        assert_ne!(key.ip("192.0.2.7"), key.ip("192.0.2.8"));
        assert_eq!(key.ip("192.0.2.7").len(), HASH_BYTES);
    }

    #[test]
    fn addresses_of_one_network_share_its_hash_and_those_of_ipv4_have_none() {
        let key = key("a secret");
        let of = |ip: &str| key.of(&Personal { ip: ip.to_owned(), ..Personal::default() });
        assert_eq!(of("2001:db8:0:1::5").network, of("2001:db8:0:1:ffff::").network);
        assert_ne!(of("2001:db8:0:1::5").network, of("2001:db8:0:2::5").network);
        assert_ne!(of("2001:db8:0:1::").network, of("2001:db8:0:1::").ip);
        assert_eq!(of("192.0.2.7").network, None);
        assert_eq!(of("::ffff:192.0.2.7").network, None);
    }

    #[test]
    fn a_hash_depends_on_the_secret_and_on_what_is_hashed() {
        assert_ne!(key("a secret").email("a"), key("b secret").email("a"));
        assert_ne!(key("a secret").email("a"), key("a secret").ip("a"));
        assert_eq!(key("a secret").of(&Personal::default()), Hashes::default());
    }

    #[test]
    fn a_short_secret_is_refused() {
        let error = HashKey::derive(&SecretString::from("x".repeat(31))).unwrap_err();
        assert_eq!(error.reason, "INVALID_OPTIONS");
    }
}
