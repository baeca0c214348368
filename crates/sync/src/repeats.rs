//! Rounds that do not end: known by what their pages hold, because their links change.
//!
//! A page may come twice, and pages may be empty, many in a row: neither is wrong
//! (<https://learn.microsoft.com/graph/delta-query-overview>). But where more pages bring nothing new than brought something,
//! the service goes in circles (<https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3082>).

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hash, RandomState};

use m365_graph::Next;

/// So many pages without anything new are passed over in any round.
const FEW: u32 = 4;
/// So many empty pages in a row are one round's; no more were ever reported.
const EMPTY_IN_A_ROW: u32 = 1000;

/// What a round has brought so far, in eight bytes an item.
#[derive(Default)]
pub(crate) struct Repeats {
    seen: HashSet<u64>,
    hashes: RandomState,
    fresh: u32,
    stale: u32,
    empty: u32,
}

impl Repeats {
    /// Whether a page leads on, and on in circles.
    pub fn leads_on_in_circles(&mut self, next: &Next, items: impl Iterator<Item = impl Hash>) -> bool {
        matches!(next, Next::More(_)) && self.is_endless(items)
    }

    /// Looks at a page with more behind it. `true`: the round goes in circles.
    fn is_endless(&mut self, items: impl Iterator<Item = impl Hash>) -> bool {
        let (mut some, mut new) = (false, false);
        for item in items {
            some = true;
            new |= self.seen.insert(self.hashes.hash_one(item));
        }
        match (some, new) {
            (false, _) => self.empty += 1,
            (true, false) => self.stale += 1,
            (true, true) => self.fresh += 1,
        }
        if some {
            self.empty = 0;
        }
        self.stale > self.fresh + FEW || self.empty > EMPTY_IN_A_ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many pages the round is cut off, if it is within ten thousand.
    fn cut_after(pages: impl Fn(u32) -> Vec<u32>) -> Option<u32> {
        let mut repeats = Repeats::default();
        (1..=10_000).find(|page| repeats.is_endless(pages(*page).into_iter()))
    }

    #[test]
    fn circles_are_cut_off_soon() {
        assert_eq!(cut_after(|_| vec![1, 2, 3]), Some(7), "one page for ever");
        assert_eq!(cut_after(|page| vec![page % 3, page % 3 + 10]), Some(11), "three pages in a circle");
        assert_eq!(cut_after(|page| vec![page % 50, (page + 1) % 50]), Some(103), "pages that overlap");
        assert_eq!(cut_after(|page| if page % 2 == 0 { vec![] } else { vec![1] }), Some(13), "empty ones in between");
        assert_eq!(cut_after(|_| vec![]), Some(1001), "nothing but empty pages");
    }

    #[test]
    fn long_rounds_and_pages_that_come_twice_are_none() {
        assert_eq!(cut_after(|page| vec![page, page + 1]), None);
        assert_eq!(cut_after(|page| vec![page / 2]), None, "each page twice");
        assert_eq!(cut_after(|page| if page % 900 == 0 { vec![page] } else { vec![] }), None);
        assert_eq!(cut_after(|page| if page > 500 { vec![page] } else { vec![page % 250] }), None, "half of it anew");
    }
}
