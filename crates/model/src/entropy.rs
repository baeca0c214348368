//! Chance: where random bytes come from.

use std::sync::Mutex;

use rand::{Rng, SeedableRng, TryRng, rngs::StdRng, rngs::SysRng};

/// Gives random bytes. Keys and nonces are drawn from it, so the real one is the operating system's.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A number below `bound`, for jitter; 0 when `bound` is 0.
    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0_u8; 8];
        self.fill(&mut bytes);
        if bound == 0 { 0 } else { u64::from_le_bytes(bytes) % bound }
    }
}

/// The operating system's random source.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        SysRng.try_fill_bytes(bytes).expect("the operating system gives random bytes");
    }
}

/// The same bytes for the same seed, for simulations and tests; never for keys that matter.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// A source that depends on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().expect("no holder of this lock panics").fill_bytes(bytes);
    }
}
