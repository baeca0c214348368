//! Ids in paths: one id, one segment.

use std::fmt::Write as _;

/// Everything but letters, digits and `-._~=` is escaped, `+` too, so that an id reads the same to every server.
pub(crate) fn segment(id: &str) -> String {
    let mut escaped = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~=".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    escaped
}

/// The text that a segment stands for.
pub(crate) fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_and_comes_back_whole() {
        for id in ["AAMkAGI1=", "a/b+c?d#e%2F", "inbox", "a b'(ü)"] {
            let escaped = segment(id);
            assert!(!escaped.contains(['/', '+', '?', '#', ' ', '\'']), "{escaped}");
            assert_eq!(decoded(&escaped), id);
        }
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%2"), "%zz%2");
    }
}
