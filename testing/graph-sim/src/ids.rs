//! The long identifiers that Exchange hands out.
//!
//! An id is written from what it names and can be read back, so no table of ids is kept. It is
//! about 150 characters long and, like the real ones, must be compared letter by letter: the
//! numbers 2k and 2k+1 give ids that differ in the case of one letter and nothing else.
//! See <https://learn.microsoft.com/graph/outlook-immutable-id>.

/// Pairs of one letter in both cases, so that neighbours differ in case only.
const ALPHABET: &[u8; 52] = b"aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ";

/// How many letters a number takes.
const WIDTH: usize = 8;

/// Which of the two families of ids a request asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdForm {
    /// The default: the id of a message changes when it is moved.
    Regular,
    /// `Prefer: IdType="ImmutableId"`: the id stays for as long as the item is in the mailbox.
    Immutable,
}

/// What an id names inside its mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A message by number, and how often it had been moved when the id was given.
    Message {
        /// The message's place in the mailbox.
        number: usize,
        /// How many moves it had behind it; zero in an immutable id.
        moves: usize,
    },
    /// A folder by number.
    Folder(usize),
    /// A calendar entry by number: a meeting or a series master.
    Event(usize),
    /// One occurrence of a series: the entry's number and the day, counted from 1970.
    Occurrence {
        /// The series' entry.
        entry: usize,
        /// The day the series meant it for.
        day: usize,
    },
    /// The calendar itself.
    Calendar,
}

/// The part of an id that is the same all over one mailbox.
#[derive(Debug, Clone)]
pub struct Stem(String);

impl Stem {
    /// A stem drawn from a mailbox's own number.
    pub fn new(salt: u64) -> Self {
        const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut state = salt;
        let text = (0..104)
            .map(|_| {
                state = scramble(state);
                char::from(BASE64[usize::from(state.to_le_bytes()[3] & 63)])
            })
            .collect();
        Self(text)
    }

    /// The id of an item in the form that was asked for.
    pub fn id(&self, item: Item, form: IdForm) -> String {
        let (kind, first, second) = match (item, form) {
            (Item::Message { number, .. }, IdForm::Immutable) => ('M', number, 0),
            (Item::Message { number, moves }, IdForm::Regular) => ('M', number, moves),
            (Item::Folder(number), _) => ('F', number, 0),
            (Item::Event(number), _) => ('E', number, 0),
            (Item::Occurrence { entry, day }, _) => ('O', entry, day),
            (Item::Calendar, _) => ('C', 0, 0),
        };
        // Folders and calendars keep their regular ids whatever was asked for.
        let immutable = form == IdForm::Immutable && !matches!(kind, 'F' | 'C');
        let mut out = String::with_capacity(156);
        out.push_str(match (immutable, kind) {
            (true, _) => "AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A",
            (false, 'F' | 'C') => "AQMkA",
            (false, _) => "AAMkA",
        });
        out.push_str(if immutable { &self.0[..80] } else { &self.0 });
        out.push(kind);
        push_number(&mut out, second);
        push_number(&mut out, first);
        out.push_str(if immutable { "AA" } else { "AAA=" });
        out
    }

    /// What an id names, if it is an id of this mailbox.
    pub fn read(&self, id: &str) -> Option<Item> {
        let (body, form) = match id.strip_suffix("AAA=") {
            Some(body) => (body, IdForm::Regular),
            None => (id.strip_suffix("AA")?, IdForm::Immutable),
        };
        if !body.is_ascii() || body.len() < 2 * WIDTH + 1 {
            return None;
        }
        let (rest, first) = body.split_at(body.len() - WIDTH);
        let (rest, second) = rest.split_at(rest.len() - WIDTH);
        let (first, second) = (read_number(first)?, read_number(second)?);
        let item = match rest.chars().next_back()? {
            'M' => Item::Message { number: first, moves: second },
            'F' => Item::Folder(first),
            'E' => Item::Event(first),
            'O' => Item::Occurrence { entry: first, day: second },
            'C' => Item::Calendar,
            _ => return None,
        };
        (self.id(item, form) == id).then_some(item)
    }

    /// A conversation's id; it differs from mailbox to mailbox.
    pub fn conversation(&self, number: usize) -> String {
        let mut out = format!("AAQkA{}AQA", &self.0[..60]);
        push_number(&mut out, number);
        out.push('=');
        out
    }

    /// A change key, new with every change.
    pub fn change_key(&self, item: usize, version: usize) -> String {
        let mut out = format!("CQAAABYAAAB{}", &self.0[..16]);
        push_number(&mut out, item);
        push_number(&mut out, version);
        out
    }
}

/// The identifier of a meeting that all its copies share, as `iCalUId` and `uid` show it.
pub fn meeting_uid(number: usize, seed: u64) -> String {
    let salt = scramble(seed ^ (number as u64));
    format!(
        "040000008200E00074C5B7101A82E00800000000{:016X}000000000000000010000000{:016X}{number:016X}",
        scramble(salt),
        scramble(scramble(salt)),
    )
}

/// The `iCalUId` of an exception: the series' own with the day's date in four of its bytes.
pub fn exception_uid(series: &str, date: jiff::civil::Date) -> String {
    format!("{}{:04X}{:02X}{:02X}{}", &series[..32], date.year(), date.month(), date.day(), &series[40..])
}

/// A well-mixed number from another (SplitMix64's step).
pub fn scramble(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A GUID's text from a number.
pub fn guid(value: u64) -> String {
    let (a, b) = (scramble(value), scramble(value ^ 0xA5A5_A5A5));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xFFFF,
        a & 0xFFF,
        b >> 52,
        b & 0xFFFF_FFFF_FFFF
    )
}

/// An even shift for each place keeps the pairs of letters together and the ids less regular.
fn shift(place: usize) -> usize {
    2 * ((7 * place + 3) % 26)
}

fn push_number(out: &mut String, number: usize) {
    let mut rest = number;
    let mut letters = [0_u8; WIDTH];
    for place in (0..WIDTH).rev() {
        letters[place] = ALPHABET[(rest % 52 + shift(place)) % 52];
        rest /= 52;
    }
    out.extend(letters.map(char::from));
}

fn read_number(text: &str) -> Option<usize> {
    text.bytes().enumerate().try_fold(0_usize, |sum, (place, letter)| {
        let at = ALPHABET.iter().position(|known| *known == letter)?;
        sum.checked_mul(52)?.checked_add((at + 52 - shift(place)) % 52)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let stem = Stem::new(7);
        for item in [
            Item::Message { number: 51, moves: 3 },
            Item::Folder(12),
            Item::Event(9_999),
            Item::Occurrence { entry: 4, day: 20_500 },
            Item::Calendar,
        ] {
            let id = stem.id(item, IdForm::Regular);
            assert_eq!(stem.read(&id), Some(item));
            assert!((115..160).contains(&id.len()), "{}", id.len());
            assert_eq!(Stem::new(8).read(&id), None, "another mailbox's id");
        }
    }

    #[test]
    fn neighbours_differ_in_letter_case_only() {
        let stem = Stem::new(7);
        let id = |number| stem.id(Item::Message { number, moves: 0 }, IdForm::Immutable);
        assert_ne!(id(10), id(11));
        assert!(id(10).eq_ignore_ascii_case(&id(11)));
        assert_eq!(stem.read(&id(11)), Some(Item::Message { number: 11, moves: 0 }));
    }

    #[test]
    fn an_exception_carries_its_date_in_the_identifier() {
        let series = meeting_uid(3, 1);
        assert_eq!(series.len(), 112);
        let one = exception_uid(&series, jiff::civil::date(2026, 8, 10));
        assert_eq!(&one[32..40], "07EA080A");
        assert_eq!(&one[40..], &series[40..]);
    }
}
