use std::sync::Mutex;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Source of random bytes. Passed in, so that a test can be repeated.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// Fills `into` with bytes fit for secrets.
    fn fill(&self, into: &mut [u8]);

    /// `len` characters of `[A-Za-z0-9]`, uniformly drawn: 5.95 bits each, so 32 of them carry
    /// 190 bits and 24 carry 142.
    fn alphanumeric(&self, len: usize) -> String {
        let mut out = String::with_capacity(len);
        let mut block = [0_u8; 64];
        while out.len() < len {
            self.fill(&mut block);
            // 248 = 4 * 62: bytes above would favour the first letters.
            let usable = block.iter().filter(|byte| **byte < 248);
            out.extend(
                usable.take(len - out.len()).map(|byte| char::from(ALPHANUMERIC[usize::from(byte % 62)])),
            );
        }
        out
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(
        clippy::expect_used,
        reason = "without the system's generator no secret can be made: stop, do not guess"
    )]
    fn fill(&self, into: &mut [u8]) {
        SysRng.try_fill_bytes(into).expect("the operating system's random generator failed");
    }
}

/// The same bytes for the same seed. For tests only.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, into: &mut [u8]) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_length_and_alphabet_of_the_contract() {
        let id = SeededEntropy::new(7).alphanumeric(32);
        assert_eq!(id.len(), 32);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(id, SeededEntropy::new(8).alphanumeric(32));
        assert_eq!(id, SeededEntropy::new(7).alphanumeric(32));
        assert_ne!(OsEntropy.alphanumeric(32), OsEntropy.alphanumeric(32));
    }
}
