use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use kernel::{Entropy, Error};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use std::sync::Arc;

use crate::error;

const MIN_SECRET_BYTES: usize = 32;
const SALT: &[u8] = b"intellistack session";
const INFO: &[u8] = b"signing keys, AES-256-GCM";

/// Seals private keys under a key derived from AUTH_SECRET (HKDF-SHA256).
#[derive(Clone)]
pub(crate) struct Sealer(Arc<LessSafeKey>);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

/// Sealed under another secret, for another key id, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsealable;

impl Sealer {
    pub(crate) fn new(auth_secret: &SecretString) -> Result<Self, Error> {
        let secret = auth_secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(error::invalid_options(format!(
                "AUTH_SECRET needs at least {MIN_SECRET_BYTES} bytes"
            )));
        }
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
        let info = [INFO];
        let key = derived.expand(&info, &AES_256_GCM).map(UnboundKey::from);
        let key =
            key.map_err(|_| error::invalid_options("no key can be derived from AUTH_SECRET".to_owned()))?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// Nonce, ciphertext and tag. `label` is authenticated with it.
    pub(crate) fn seal(
        &self,
        label: &str,
        secret: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Unsealable> {
        let mut nonce = [0_u8; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut sealed = secret.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(label.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| Unsealable)?;
        Ok([&nonce[..], &sealed].concat())
    }

    pub(crate) fn open(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut opened = Zeroizing::new(ciphertext.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(label.as_bytes()), &mut opened)
            .map_err(|_| Unsealable)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use kernel::SeededEntropy;

    use super::*;

    fn sealer(text: &str) -> Sealer {
        Sealer::new(&SecretString::from(text.repeat(4))).unwrap()
    }

    #[test]
    fn only_the_same_secret_and_label_open_a_seal() {
        let sealed = sealer("a secret").seal("k1", b"private", &SeededEntropy::new(1)).unwrap();
        assert_eq!(sealer("a secret").open("k1", &sealed).unwrap().as_slice(), b"private");
        assert_eq!(sealer("b secret").open("k1", &sealed), Err(Unsealable));
        assert_eq!(sealer("a secret").open("k2", &sealed), Err(Unsealable));
        assert_eq!(sealer("a secret").open("k1", &sealed[..8]), Err(Unsealable));
        let mut damaged = sealed;
        damaged[20] ^= 1;
        assert_eq!(sealer("a secret").open("k1", &damaged), Err(Unsealable));
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(Sealer::new(&SecretString::from("x".repeat(31))).is_err());
    }
}
