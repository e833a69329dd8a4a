use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use argon2::{Argon2, Block};
use tokio::time::Instant;

/// How long memory waits for the next hash.
pub(super) const KEPT: Duration = Duration::from_secs(10);

/// The memory of argon2id, kept from one hash to the next: to have it cleared by the kernel each
/// time costs a quarter of the hash.
#[derive(Default)]
pub(super) struct Memory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    free: Vec<Vec<Block>>,
    used_at: Option<Instant>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Memory {
    /// Fills `out` with the hash. Of memory, no more is kept than `most` blocks for each hash that
    /// ran side by side with others.
    pub(super) fn hash(
        &self,
        argon2: &Argon2<'_>,
        (password, salt): (&[u8], &[u8]),
        out: &mut [u8],
        most: usize,
    ) -> Result<(), argon2::Error> {
        let mut blocks = self.kept().free.pop().unwrap_or_default();
        let needed = argon2.params().block_count();
        if blocks.len() < needed {
            blocks.resize(needed, Block::default());
        }
        let outcome = argon2.hash_password_into_with_memory(password, salt, out, &mut blocks[..needed]);
        if blocks.len() <= most {
            let mut kept = self.kept();
            kept.free.push(blocks);
            kept.used_at = Some(Instant::now());
        }
        outcome
    }

    /// Gives back what nobody has used for a while.
    pub(super) fn release(&self) {
        let mut kept = self.kept();
        if kept.used_at.is_some_and(|at| at.elapsed() >= KEPT) {
            *kept = Kept::default();
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept().free.iter().map(Vec::len).sum()
    }
}
