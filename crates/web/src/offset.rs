//! Where a viewer's days begin: the page's script keeps it in a cookie. Without one, days are those of UTC.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use m365_store::filter::Offset;

use crate::app::App;
use crate::doors::cookie;

/// The cookie's name. It holds minutes, says nothing of a person beyond that, and nothing is allowed by it.
const NAME: &str = "m365_offset";

/// How far the viewer's clock is before UTC.
pub struct ViewerOffset(pub Offset);

impl FromRequestParts<App> for ViewerOffset {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let minutes = cookie(&parts.headers, NAME).and_then(|text| text.parse().ok());
        Ok(Self(minutes.and_then(Offset::of_minutes).unwrap_or_default()))
    }
}

/// An offset for people, such as `UTC+5:30`.
pub fn in_words(offset: Offset) -> String {
    let minutes = offset.minutes();
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    match (minutes, rest) {
        (0, _) => "UTC".to_owned(),
        (_, 0) => format!("UTC{}{hours}", if minutes < 0 { '−' } else { '+' }),
        _ => format!("UTC{}{hours}:{rest:02}", if minutes < 0 { '−' } else { '+' }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_told_as_people_write_them() {
        let told = [0, 60, -300, 330, -570].map(|minutes| in_words(Offset::of_minutes(minutes).unwrap()));
        assert_eq!(told, ["UTC", "UTC+1", "UTC−5", "UTC+5:30", "UTC−9:30"]);
    }
}
