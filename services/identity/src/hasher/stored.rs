//! Hashes as they are stored, ours and those of accounts that came from elsewhere.

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use bcrypt::HashParts;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use super::{Engine, Verified};

/// What one verification may take. Above the costliest settings in common use, so that who can
/// write a hash into the table cannot stop the service with it.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_MEMORY_PASSES_KIB: u64 = 1024 * 1024;
const MAX_LANES: u32 = 16;
const MIN_BCRYPT_COST: u32 = 4;
const MAX_BCRYPT_COST: u32 = 15;

/// Better-Auth 1.x: N = 2^14, r = 16, p = 1, a key of 64 bytes; 32 MiB.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 16;
const SCRYPT_P: u32 = 1;
const SCRYPT_KEY_BYTES: usize = 64;
const SCRYPT_SALT_DIGITS: usize = 32;

/// Why a stored hash cannot be compared with. None says anything about the hash itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Defect {
    #[error("of no known kind")]
    Unknown,
    #[error("malformed")]
    Malformed,
    #[error("costlier than allowed")]
    TooCostly,
}

/// A stored hash, read and found affordable; nothing is computed yet. Not `Debug`: it must not be
/// logged.
pub(super) enum Stored {
    Argon2id { hash: Box<PasswordHash>, params: Params },
    Bcrypt { text: String },
    Scrypt { salt: String, key: [u8; SCRYPT_KEY_BYTES] },
}

impl Stored {
    pub(super) fn parse(text: &str) -> Result<Self, Defect> {
        match text.get(..4) {
            Some("$arg") => argon2id(text),
            Some("$2a$" | "$2b$" | "$2y$") => bcrypt(text),
            _ => scrypt(text),
        }
    }

    /// Compares in constant time. A right password's hash is worth replacing unless it is argon2id
    /// and costs at least what one of today does.
    pub(super) fn verify(&self, password: &SecretString, engine: &Engine) -> Result<Verified, Defect> {
        let right = match self {
            Self::Argon2id { hash, params } => {
                // One made elsewhere may be of the password as it was typed.
                let normal = normalised(password);
                let typed = password.expose_secret();
                let is_of = |password: &SecretString| is_argon2id_of(engine, password, (hash, params));
                is_of(&normal)? || (normal.expose_secret() != typed && is_of(password)?)
            }
            // Only 72 bytes count, as they did when the hash was made.
            Self::Bcrypt { text } => {
                bcrypt::verify(password.expose_secret(), text).map_err(|_| Defect::Malformed)?
            }
            Self::Scrypt { salt, key } => {
                let computed = scrypt_key(password, salt)?;
                computed.as_slice().ct_eq(key.as_slice()).into()
            }
        };
        let upgrade = right && self.weaker_than(engine.current());
        if right { Ok(Verified::Right { upgrade }) } else { Ok(Verified::Wrong) }
    }

    fn weaker_than(&self, current: &Params) -> bool {
        let Self::Argon2id { hash, params } = self else { return true };
        let output = hash.hash.as_ref().map_or(0, Output::len);
        let salt = hash.salt.as_ref().map_or(0, |salt| salt.len());
        hash.version != Some(Version::V0x13.into())
            || params.m_cost() < current.m_cost()
            || params.t_cost() < current.t_cost()
            || params.p_cost() < current.p_cost()
            || output < Params::DEFAULT_OUTPUT_LEN
            || salt < super::SALT_BYTES
    }
}

/// The same password is typed in several ways: by another system or keyboard an accent is a character
/// of its own (NIST SP 800-63B, section 3.1.1.2: NFKC).
pub(super) fn normalised(password: &SecretString) -> SecretString {
    SecretString::from(password.expose_secret().nfkc().collect::<String>())
}

fn is_argon2id_of(
    engine: &Engine,
    password: &SecretString,
    (hash, params): (&PasswordHash, &Params),
) -> Result<bool, Defect> {
    let version = hash.version.map(Version::try_from).transpose().map_err(|_| Defect::Malformed)?;
    let (Some(salt), Some(stored)) = (&hash.salt, &hash.hash) else { return Err(Defect::Malformed) };
    let argon2 = Argon2::new(Algorithm::Argon2id, version.unwrap_or_default(), params.clone());
    let computed = engine.compute(&argon2, password, salt).map_err(|_| Defect::Malformed)?;
    Ok(computed.as_bytes().ct_eq(stored.as_bytes()).into())
}

/// Whether a hash of this cost can be verified, and so may be made.
pub(super) fn affordable(params: &Params) -> bool {
    params.m_cost() <= MAX_MEMORY_KIB
        && u64::from(params.m_cost()) * u64::from(params.t_cost()) <= MAX_MEMORY_PASSES_KIB
        && params.p_cost() <= MAX_LANES
}

fn argon2id(text: &str) -> Result<Stored, Defect> {
    let hash = PasswordHash::new(text).map_err(|_| Defect::Malformed)?;
    if hash.algorithm != Algorithm::Argon2id.ident() {
        return Err(Defect::Unknown);
    }
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(Defect::Malformed);
    }
    if hash.version.is_some_and(|version| Version::try_from(version).is_err()) {
        return Err(Defect::Malformed);
    }
    let params = Params::try_from(&hash).map_err(|_| Defect::Malformed)?;
    if affordable(&params) {
        Ok(Stored::Argon2id { hash: Box::new(hash), params })
    } else {
        Err(Defect::TooCostly)
    }
}

fn bcrypt(text: &str) -> Result<Stored, Defect> {
    let parts: HashParts = text.parse().map_err(|_| Defect::Malformed)?;
    match parts.get_cost() {
        0..MIN_BCRYPT_COST => Err(Defect::Malformed),
        MIN_BCRYPT_COST..=MAX_BCRYPT_COST => Ok(Stored::Bcrypt { text: text.to_owned() }),
        _ => Err(Defect::TooCostly),
    }
}

fn scrypt(text: &str) -> Result<Stored, Defect> {
    let (salt, key) = text.split_once(':').ok_or(Defect::Unknown)?;
    if salt.len() != SCRYPT_SALT_DIGITS || !salt.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Defect::Malformed);
    }
    let mut bytes = [0_u8; SCRYPT_KEY_BYTES];
    hex::decode_to_slice(key, &mut bytes).map_err(|_| Defect::Malformed)?;
    Ok(Stored::Scrypt { salt: salt.to_owned(), key: bytes })
}

/// The salt is the text of its digits, not the bytes they stand for, and the password is
/// normalised: so Better-Auth made these hashes.
fn scrypt_key(password: &SecretString, salt: &str) -> Result<[u8; SCRYPT_KEY_BYTES], Defect> {
    let password = normalised(password);
    let params = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P).map_err(|_| Defect::Malformed)?;
    let mut key = [0_u8; SCRYPT_KEY_BYTES];
    scrypt::scrypt(password.expose_secret().as_bytes(), salt.as_bytes(), &params, &mut key)
        .map_err(|_| Defect::Malformed)?;
    Ok(key)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
