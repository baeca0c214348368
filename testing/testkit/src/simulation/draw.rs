//! Chance that is the same everywhere and for ever: a seed found today is replayed by the program of next year.

/// Splitmix64, by Sebastiano Vigna (<https://prng.di.unimi.it/splitmix64.c>, public domain).
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        // The bias is far below what a test could see.
        usize::try_from(self.next() % end as u64).unwrap_or_default()
    }
}
