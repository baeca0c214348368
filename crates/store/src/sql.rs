//! Small helps for statements that both engines understand.

use std::fmt::Write as _;

/// `$from,$from+1,…`: as many placeholders as [`padded`] makes of `count` values.
pub fn placeholders(count: usize, from: usize) -> String {
    let mut out = String::with_capacity(padded(count) * 4);
    for i in 0..padded(count) {
        let comma = if i == 0 { "" } else { "," };
        write!(out, "{comma}${}", from + i).expect("writing to a String cannot fail");
    }
    out
}

/// The next power of two: few statement texts, so that the engine's statement cache holds them all.
pub fn padded(count: usize) -> usize {
    count.next_power_of_two()
}

/// The values, with the last one repeated up to [`padded`] many.
pub fn pad<T: Copy>(values: &[T]) -> impl Iterator<Item = T> + '_ {
    let last = values.last().copied();
    let missing = padded(values.len()) - values.len();
    values.iter().copied().chain(last.into_iter().cycle().take(missing))
}

/// How many values one statement names at the most.
pub const CHUNK: usize = 256;

#[cfg(test)]
mod tests {
    use super::{pad, placeholders};

    #[test]
    fn lists_are_padded_to_powers_of_two_with_their_last_value() {
        assert_eq!(placeholders(3, 2), "$2,$3,$4,$5");
        assert_eq!(pad(&[1, 2, 3]).collect::<Vec<_>>(), [1, 2, 3, 3]);
        assert_eq!(placeholders(1, 1), "$1");
    }
}
