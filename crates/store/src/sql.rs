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

/// `($1,$2),($3,$4),…`: placeholders for `count` rows of `width` values.
pub fn rows(count: usize, width: usize) -> String {
    let mut out = String::with_capacity(count * width * 5);
    for row in 0..count {
        out.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..width {
            let comma = if column == 0 { "" } else { "," };
            write!(out, "{comma}${}", row * width + column + 1).expect("writing to a String cannot fail");
        }
        out.push(')');
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

/// How many rows one statement inserts at the most. SQLite looks a parameter's name up among all others of the statement, so
/// that much wider statements cost more than they save.
const ROWS: usize = 16;

/// The values in chunks whose lengths are powers of two, the largest first: few statement texts again.
pub fn power_chunks<T>(values: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = values;
    std::iter::from_fn(move || {
        let length = 1 << rest.len().min(ROWS).checked_ilog2()?;
        let (chunk, behind) = rest.split_at(length);
        rest = behind;
        Some(chunk)
    })
}

/// How many values one statement names at the most.
pub const CHUNK: usize = 256;

#[cfg(test)]
mod tests {
    use super::{pad, placeholders};

    #[test]
    fn chunks_are_powers_of_two_and_leave_nothing_out() {
        let values: Vec<usize> = (0..43).collect();
        let lengths: Vec<usize> = super::power_chunks(&values).map(<[usize]>::len).collect();
        assert_eq!(lengths, [16, 16, 8, 2, 1]);
        assert!(super::power_chunks(&values).flatten().eq(&values));
        assert_eq!(super::power_chunks::<u8>(&[]).count(), 0);
    }

    #[test]
    fn rows_number_their_values_on() {
        assert_eq!(super::rows(2, 3), "($1,$2,$3),($4,$5,$6)");
    }

    #[test]
    fn lists_are_padded_to_powers_of_two_with_their_last_value() {
        assert_eq!(placeholders(3, 2), "$2,$3,$4,$5");
        assert_eq!(pad(&[1, 2, 3]).collect::<Vec<_>>(), [1, 2, 3, 3]);
        assert_eq!(placeholders(1, 1), "$1");
    }
}
