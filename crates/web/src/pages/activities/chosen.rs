//! What somebody chose to see: read from an address bar, and written into one. No address of a person is ever among it.

use jiff::civil::Date;
use m365_activity::ActivityType;
use m365_privacy::DomainName;
use m365_store::filter::{Days, Filter, Offset};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

/// What stands in the address bar, as it was sent.
#[derive(Deserialize, Default)]
pub struct Wanted {
    kind: Option<String>,
    domain: Option<String>,
    from: Option<String>,
    until: Option<String>,
    /// The key of the record behind which the page begins.
    pub after: Option<String>,
}

/// The same, read.
#[derive(Clone, Default)]
pub struct Chosen {
    /// Meetings or mails alone.
    pub kind: Option<ActivityType>,
    /// With people of one domain.
    pub domain: Option<DomainName>,
    /// From this day on.
    pub from: Option<Date>,
    /// Up to this day.
    pub until: Option<Date>,
    /// What of it cannot be read, in sentences.
    pub wrong: Vec<&'static str>,
}

/// The word for a kind in an address bar.
pub const fn kind_word(kind: ActivityType) -> &'static str {
    match kind {
        ActivityType::MeetingAttend => "meeting",
        ActivityType::EmailThread => "mail",
    }
}

impl Chosen {
    /// Reads what was sent. What cannot be read is left out, and told.
    pub fn of(wanted: &Wanted) -> Self {
        let mut chosen = Self::default();
        let given =
            |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(kind) = given(&wanted.kind) {
            chosen.kind = ActivityType::ALL.iter().copied().find(|known| kind_word(*known) == kind);
            if chosen.kind.is_none() {
                chosen.wrong.push("A kind is “meeting” or “mail”.");
            }
        }
        if let Some(domain) = given(&wanted.domain) {
            chosen.domain = domain.parse().ok();
            if chosen.domain.is_none() {
                chosen.wrong.push("The domain is not one: choose it from the list.");
            }
        }
        let day = |text: &Option<String>, wrong: &mut Vec<&'static str>| {
            let day = given(text)?.parse::<Date>().ok().filter(|day| (1970..=2999).contains(&day.year()));
            if day.is_none() {
                wrong.push("A day is written as 2026-03-02.");
            }
            day
        };
        chosen.from = day(&wanted.from, &mut chosen.wrong);
        chosen.until = day(&wanted.until, &mut chosen.wrong);
        if let (Some(from), Some(until)) = (chosen.from, chosen.until)
            && from > until
        {
            chosen.wrong.push("The first day comes after the last, so nothing can be between them.");
        }
        chosen.wrong.dedup();
        chosen
    }

    /// What to ask the store for.
    pub fn filter(&self, offset: Offset) -> Filter {
        let days = Days { from: self.from, until: self.until, offset };
        Filter { kind: self.kind, domain: self.domain.clone(), days, ..Filter::default() }
    }

    /// Whether something is chosen at all.
    pub fn is_any(&self) -> bool {
        self.kind.is_some() || self.domain.is_some() || self.from.is_some() || self.until.is_some()
    }

    /// A path with what is chosen, and with the place behind which a page begins.
    pub fn link(&self, path: &str, after: Option<&str>) -> String {
        let mut query = Serializer::new(String::new());
        let texts = [
            ("kind", self.kind.map(|kind| kind_word(kind).to_owned())),
            ("domain", self.domain.as_ref().map(|domain| domain.as_str().to_owned())),
            ("from", self.from.map(|day| day.to_string())),
            ("until", self.until.map(|day| day.to_string())),
            ("after", after.map(str::to_owned)),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                query.append_pair(name, &text);
            }
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(kind: &str, domain: &str, from: &str, until: &str) -> Wanted {
        let text = |text: &str| Some(text.to_owned());
        Wanted { kind: text(kind), domain: text(domain), from: text(from), until: text(until), after: None }
    }

    #[test]
    fn what_is_chosen_stands_in_the_link_and_is_read_again() {
        let chosen = Chosen::of(&wanted("mail", " ACME.com ", "2026-03-01", "2026-03-02"));
        assert!(chosen.wrong.is_empty() && chosen.is_any());
        let link = chosen.link("/activities", Some("0123"));
        assert_eq!(link, "/activities?kind=mail&domain=acme.com&from=2026-03-01&until=2026-03-02&after=0123");
        assert_eq!(Chosen::of(&wanted("", " ", "", "")).link("/activities", None), "/activities");
    }

    #[test]
    fn what_cannot_be_read_is_told_and_never_repeated() {
        let chosen = Chosen::of(&wanted("visit", "jane@acme.com", "yesterday", "-000001-01-01"));
        assert_eq!(chosen.wrong.len(), 3, "{:?}", chosen.wrong);
        assert_eq!(chosen.link("/activities", None), "/activities");
        assert_eq!(Chosen::of(&wanted("", "", "2026-03-02", "2026-03-01")).wrong.len(), 1);
    }
}
