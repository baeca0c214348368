//! Where in a request the token is.

use crate::PublishableKey;

/// The cookie where one Clerk instance has a host to itself.
const PLAIN_COOKIE: &str = "__session";

/// The token that a request carries, not verified: the `Authorization` header's if it is a `Bearer`, else that of the
/// instance's own cookie, else that of the cookie without a suffix. `cookies` are the values of all `Cookie` headers.
///
/// The instance's own cookie goes first, since on a shared host such as `localhost` the other may be another instance's
/// (<https://clerk.com/docs/guides/how-clerk-works/overview>).
pub fn token_of<'h>(
    key: &PublishableKey,
    cookies: impl IntoIterator<Item = &'h str>,
    authorization: Option<&'h str>,
) -> Option<&'h str> {
    if let Some(token) = authorization.and_then(bearer) {
        return Some(token);
    }
    let mut plain = None;
    for (name, value) in cookies.into_iter().flat_map(pairs) {
        if name == key.session_cookie() {
            return Some(value);
        }
        if name == PLAIN_COOKIE {
            plain = plain.or(Some(value));
        }
    }
    plain
}

/// The scheme's name is [case-insensitive](https://www.rfc-editor.org/rfc/rfc9110#section-11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The [cookies](https://www.rfc-editor.org/rfc/rfc6265#section-4.2.1) of one header that have a value.
fn pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
        .filter(|(_, value)| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_goes_first_then_the_instances_own_cookie_then_the_plain_one() {
        let key: PublishableKey = "pk_test_ZXhhbXBsZS5jbGVyay5hY2NvdW50cy5kZXYk".parse().unwrap();
        let own = format!("__session=plain; {}=own; __session_12345678=another", key.session_cookie());
        let of = |cookies: &[&'static str], authorization| token_of(&key, cookies.iter().copied(), authorization);
        assert_eq!(token_of(&key, [own.as_str()], Some("Bearer header")), Some("header"));
        assert_eq!(token_of(&key, [own.as_str()], None), Some("own"));
        assert_eq!(token_of(&key, ["__session=plain", own.as_str()], None), Some("own"), "in another header");
        assert_eq!(of(&["a=b;__session=plain ; c=d", "__session=later"], None), Some("plain"));
        assert_eq!(of(&["__session=plain"], Some("bearer  x ")), Some("x"));
        for no_token in ["Basic eDp5", "Bearer", "Bearer ", "", "Bearerx y"] {
            assert_eq!(of(&["__session=plain"], Some(no_token)), Some("plain"), "{no_token:?}");
        }
        let none = ["", "__session", "__session=", "__session_12345678=another", "x__session=y", "__SESSION=y", ";;="];
        for cookies in none {
            assert_eq!(of(&[cookies], None), None, "{cookies:?}");
        }
    }
}
