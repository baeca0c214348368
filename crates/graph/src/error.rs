//! What can go wrong, in our own words.
//!
//! No variant holds text of Microsoft's: an error page may repeat an address, a subject or a token. What is kept is a
//! status, and codes that look like codes. Each error says with `code()` what to count it under, and with
//! `resolution()` what a person can do.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::aadsts::{self, Hint};

/// The client could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The HTTP client was not built: on Linux this is a system without certificate authorities.
    #[error(
        "the HTTPS client could not start: the system trusts no certificate authority; install the system's CA \
         certificates, or name a PEM file in SSL_CERT_FILE"
    )]
    NoTrust,
}

/// No token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Entra says no, and will say so again.
    #[error("{0}")]
    Refused(Refusal),
    /// Entra was not reached.
    #[error("Microsoft's sign-in service could not be reached")]
    Unreachable,
    /// Entra was reached, and was busy or broken at every attempt.
    #[error("Microsoft's sign-in service is busy or broken")]
    Temporary,
    /// Whatever answered did not answer as Entra does.
    #[error("the answer of Microsoft's sign-in service could not be read")]
    Malformed,
}

/// How Entra refused: OAuth's error word and Entra's number, never its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    word: String,
    aadsts: Option<u32>,
}

/// An id token that proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is no token of the kind that was asked for.
    #[error("the id token could not be read")]
    Malformed,
    /// It is not signed by RS256.
    #[error("the id token is signed in another way than Microsoft signs")]
    Algorithm,
    /// It names a key that the authority does not have.
    #[error("the id token is signed with a key that the authority does not have")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the signature of the id token is false")]
    Signature,
    /// Its issuer is not its tenant's authority.
    #[error("the id token is of another issuer")]
    Issuer,
    /// It is for another application.
    #[error("the id token is for another application")]
    Audience,
    /// It does not repeat the nonce.
    #[error("the id token belongs to another sign-in")]
    Nonce,
    /// It has ended, or has not begun: one of the clocks is wrong.
    #[error("the id token has ended already, or has not begun")]
    Clock,
    /// Somebody signed in with an account that belongs to no company.
    #[error("the account is a personal one")]
    PersonalAccount,
}

impl ProofError {
    /// The library's errors may repeat what they read: the kind alone is kept.
    pub(crate) fn from_library(error: &jsonwebtoken::errors::Error) -> Self {
        use jsonwebtoken::errors::ErrorKind;
        match error.kind() {
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => Self::Algorithm,
            _ => Self::Malformed,
        }
    }
}

/// Nobody was signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The code was not exchanged.
    #[error(transparent)]
    Exchange(#[from] TokenError),
    /// The authority's keys are not to be had.
    #[error("the keys of Microsoft's sign-in service could not be fetched")]
    KeysUnreachable,
    /// The id token proves nothing.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl Refusal {
    /// Reads what stands in an answer, or in the address that a browser was sent back to. Of the description the number alone is
    /// kept.
    pub fn new(word: &str, description: Option<&str>) -> Self {
        let word = clean(word).unwrap_or("refused").to_owned();
        Self { word, aadsts: description.and_then(aadsts::number_in) }
    }

    /// OAuth's error word, such as `invalid_client`.
    pub fn error(&self) -> &str {
        &self.word
    }

    /// Entra's number, for people.
    pub fn aadsts(&self) -> Option<u32> {
        self.aadsts
    }

    /// What it means and what to do.
    pub fn hint(&self) -> Hint {
        self.aadsts.and_then(aadsts::of_number).unwrap_or_else(|| aadsts::of_word(&self.word))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Microsoft refused the credentials: {} ({}", self.hint().sentence, self.word)?;
        match self.aadsts {
            Some(number) => write!(f, ", AADSTS{number})"),
            None => f.write_str(")"),
        }
    }
}

impl TokenError {
    /// What to count it under: `AADSTS` and Entra's number, OAuth's error word, or a word of ours.
    pub fn code(&self) -> Cow<'_, str> {
        match self {
            Self::Refused(Refusal { aadsts: Some(number), .. }) => Cow::Owned(format!("AADSTS{number}")),
            Self::Refused(refusal) => Cow::Borrowed(&refusal.word),
            Self::Unreachable => Cow::Borrowed("sign_in_unreachable"),
            Self::Temporary => Cow::Borrowed("sign_in_busy"),
            Self::Malformed => Cow::Borrowed("sign_in_unreadable"),
        }
    }

    /// What a person can do.
    pub fn resolution(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.hint().remedy,
            Self::Unreachable => {
                "Check that this server reaches the authority over HTTPS; a proxy is set with HTTPS_PROXY, a company's own \
                 certificate authority with SSL_CERT_FILE."
            }
            Self::Temporary => "Wait: the next sync asks again. If it stays, see Microsoft's service health page.",
            Self::Malformed => {
                "Check the authority's address, and that no proxy or sign-in page of your network answers in its place."
            }
        }
    }
}

/// A request to Graph failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There is no token to ask with.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Graph answered with an error.
    #[error("{0}")]
    Answered(Answered),
    /// No whole answer came, at any attempt.
    #[error("Microsoft Graph could not be reached, or its answers broke off")]
    Unreachable,
    /// A whole answer came, and it is not of the shape that Graph documents.
    #[error("an answer of Microsoft Graph could not be read")]
    Unreadable,
    /// An answer was longer than the client reads.
    #[error("an answer of Microsoft Graph was too long")]
    TooLong,
    /// A page of a delta round named neither a next nor a delta link, so nobody can know where the round stands.
    #[error("a page of Microsoft Graph named no page to follow")]
    PageWithoutLink,
    /// A round brought the same pages again and again, in every way that it can be asked for.
    #[error("the pages of Microsoft Graph repeat without an end")]
    RepeatingPages,
    /// A link led away from the Graph root, or to another mailbox. The token did not go there.
    #[error("a link pointed away from where it belongs")]
    ForeignLink,
}

/// An error answer of Graph's: the status and the codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    status: u16,
    codes: Vec<String>,
    followed: bool,
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.codes.first() {
            Some(code) => write!(f, "Microsoft Graph answered with status {} ({code})", self.status),
            None => write!(f, "Microsoft Graph answered with status {}", self.status),
        }
    }
}

/// What an error on a mailbox's calls means for that mailbox. Other mailboxes go on in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailboxVerdict {
    /// Nothing to read there, for a reason that needs no one's attention now.
    Skip(SkipReason),
    /// The tenant does not let this application into this mailbox.
    AccessDenied,
    /// It may be there at the next sync. The stored link stays good.
    RetryLater,
    /// Something that should be looked at.
    Fail,
}

/// Why a mailbox is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// No Exchange Online licence, soft-deleted, or hosted on-premises.
    NoMailbox,
    /// The directory knows the user; Exchange does not, or no longer.
    UnknownUser,
}

impl SkipReason {
    /// The word to count it under.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoMailbox => "no_mailbox",
            Self::UnknownUser => "unknown_user",
        }
    }
}

/// The mailbox is inactive, soft-deleted, unlicensed or on-premises. Sources:
/// [guests](https://github.com/microsoftgraph/microsoft-graph-docs/issues/17826),
/// [unlicensed](https://github.com/microsoftgraph/msgraph-sdk-javascript/issues/1756).
const NO_MAILBOX: &[&str] = &[
    "MailboxNotEnabledForRESTAPI",
    "MailboxNotSupportedForRESTAPI",
    "MailboxNotHostedInExchangeOnline",
    "ErrorNonExistentMailbox",
];
/// There is no such user for Exchange.
const UNKNOWN_USER: &[&str] = &["ErrorInvalidUser", "Request_ResourceNotFound", "ResourceNotFound"];
/// Passing troubles that can last for hours.
const TRANSIENT: &[&str] = &["ErrorMailboxMoveInProgress", "ErrorMailboxStoreUnavailable", "MailboxInfoStale"];
/// The service has forgotten where the link stood. Sources:
/// [expired state](https://github.com/microsoftgraph/microsoft-graph-docs/issues/2350),
/// [delta queries](https://learn.microsoft.com/en-us/graph/delta-query-overview#synchronization-reset).
const CURSOR_LOST: &[&str] = &["SyncStateNotFound", "SyncStateInvalid", "ResyncRequired"];

impl GraphError {
    pub(crate) fn from_answer(status: u16, body: &[u8], followed: bool) -> Self {
        Self::Answered(Answered { status, codes: codes_in(body), followed })
    }

    /// The answer's HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(answered) => Some(answered.status),
            _ => None,
        }
    }

    /// What to count it under: Graph's `error.code`, or a word of ours.
    pub fn code(&self) -> Cow<'_, str> {
        match self {
            Self::Token(error) => error.code(),
            Self::Answered(Answered { status, codes, .. }) => match codes.first() {
                Some(code) => Cow::Borrowed(code),
                None => Cow::Owned(format!("http_{status}")),
            },
            Self::Unreachable => Cow::Borrowed("graph_unreachable"),
            Self::Unreadable => Cow::Borrowed("answer_unreadable"),
            Self::TooLong => Cow::Borrowed("answer_too_long"),
            Self::PageWithoutLink => Cow::Borrowed("page_without_link"),
            Self::RepeatingPages => Cow::Borrowed("repeating_pages"),
            Self::ForeignLink => Cow::Borrowed("foreign_link"),
        }
    }

    /// The stream's link is of no more use: it starts anew, and it alone.
    pub fn is_cursor_lost(&self) -> bool {
        self.status() == Some(410) || self.has_code(CURSOR_LOST)
    }

    /// Graph found fault with a link that it once gave. Worth one new start, and no more: the fault may be elsewhere.
    pub fn is_bad_stored_link(&self) -> bool {
        matches!(self, Self::Answered(Answered { status: 400, followed: true, .. }))
    }

    /// The service gave up on a round that it cannot put together in time, at every attempt, as it does for
    /// [calendars with endless series](https://github.com/microsoftgraph/microsoft-graph-docs/issues/3657). Another way to ask
    /// may do.
    pub fn is_too_much_at_once(&self) -> bool {
        self.status() == Some(504)
    }

    /// The folder, event or alias that was asked for is not there. A mailbox that is not there is something else.
    pub fn is_not_found(&self) -> bool {
        let gone = self.status() == Some(404) || self.has_code(&["ErrorItemNotFound", "ErrorSyncFolderNotFound"]);
        gone && !self.has_code(NO_MAILBOX) && !self.has_code(UNKNOWN_USER)
    }

    /// The directory does not answer this application: a permission is missing.
    pub fn is_directory_denied(&self) -> bool {
        self.status() == Some(403) && self.codes().any(|code| starts_with_fold(code, "Authorization_"))
    }

    /// The mailbox is over its quota. Its delta rounds fail; a plain list may still be read.
    pub fn is_over_quota(&self) -> bool {
        self.has_code(&["ErrorQuotaExceeded"])
    }

    /// What the error means when it came from a mailbox as a whole: its folder list, its calendar's start, its inbox.
    /// Ask [`GraphError::is_cursor_lost`] and [`GraphError::is_not_found`] first where a folder or a link was asked for.
    pub fn mailbox_verdict(&self) -> MailboxVerdict {
        let status = match self {
            Self::Answered(answered) => answered.status,
            Self::Unreachable | Self::Token(TokenError::Temporary | TokenError::Unreachable) => {
                return MailboxVerdict::RetryLater;
            }
            _ => return MailboxVerdict::Fail,
        };
        if self.has_code(TRANSIENT) || matches!(status, 408 | 429 | 500..) {
            return MailboxVerdict::RetryLater;
        }
        if self.has_code(NO_MAILBOX) {
            return MailboxVerdict::Skip(SkipReason::NoMailbox);
        }
        if self.has_code(UNKNOWN_USER) {
            return MailboxVerdict::Skip(SkipReason::UnknownUser);
        }
        // A mailbox without its default folders has never been one.
        if status == 404 && self.has_code(&["ErrorItemNotFound"]) {
            return MailboxVerdict::Skip(SkipReason::NoMailbox);
        }
        if status == 403 { MailboxVerdict::AccessDenied } else { MailboxVerdict::Fail }
    }

    /// What a person can do.
    pub fn resolution(&self) -> &'static str {
        match self {
            Self::Token(error) => error.resolution(),
            Self::Unreachable => {
                "Check that this server reaches Microsoft Graph over HTTPS; a proxy is set with HTTPS_PROXY, a company's own \
                 certificate authority with SSL_CERT_FILE."
            }
            Self::Unreadable => {
                "Check the Graph address, and that no proxy or sign-in page of your network answers in its place."
            }
            Self::RepeatingPages => {
                "Microsoft's service repeats itself for this mailbox, with large pages, over a shorter window and as a plain list \
                 too: report it to Microsoft's support. The next sync asks again; the other mailboxes go on."
            }
            Self::TooLong | Self::PageWithoutLink => {
                "The next sync asks again from where this one stood. If it stays, report it with the code."
            }
            Self::ForeignLink => {
                "Check the Graph address: it must be the cloud's own. If it is, report it: such a link must not be followed."
            }
            Self::Answered(_) => self.resolution_of_answer(),
        }
    }

    fn resolution_of_answer(&self) -> &'static str {
        if self.is_cursor_lost() || self.is_bad_stored_link() {
            return "Nothing to do: this stream is read anew.";
        }
        if self.is_directory_denied() {
            return "Grant the application the missing permission (User.Read.All for the list of users) and give admin \
                    consent again; it takes some minutes to arrive.";
        }
        match self.mailbox_verdict() {
            MailboxVerdict::Skip(SkipReason::NoMailbox) => {
                "No Exchange Online mailbox: the user has no licence, was removed, or is hosted on-premises. Assign a licence \
                 if the mailbox should be read."
            }
            MailboxVerdict::Skip(SkipReason::UnknownUser) => {
                "Exchange does not know this user (yet, or any more). If the mailbox should be read, check the user's licence."
            }
            MailboxVerdict::AccessDenied => {
                "Ask the Exchange administrator: an application access policy or a management scope keeps the application out \
                 of this mailbox (Test-ApplicationAccessPolicy shows it), or the permission was granted less than two hours ago."
            }
            MailboxVerdict::RetryLater => "Nothing to do now: the next sync asks again from where this one stood.",
            MailboxVerdict::Fail if self.status() == Some(401) => {
                "Microsoft Graph does not take the token. Check that the authority and the Graph address belong to one cloud."
            }
            MailboxVerdict::Fail if self.is_over_quota() => "The mailbox is full. Ask its owner to make room.",
            MailboxVerdict::Fail => {
                "Look the code up in Microsoft's documentation. If it stays, report it with the code."
            }
        }
    }

    /// Graph's codes from the outermost inwards: a cause may be hidden inside a general one.
    fn codes(&self) -> impl Iterator<Item = &str> {
        let codes = match self {
            Self::Answered(answered) => answered.codes.as_slice(),
            _ => &[],
        };
        codes.iter().map(String::as_str)
    }

    /// Codes are documented with a small first letter and sent with a capital one.
    fn has_code(&self, words: &[&str]) -> bool {
        self.codes().any(|code| words.iter().any(|word| code.eq_ignore_ascii_case(word)))
    }
}

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    error: Option<ErrorNode<'a>>,
}

#[derive(Deserialize)]
struct ErrorNode<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow, rename = "innerError", alias = "innererror")]
    inner: Option<&'a RawValue>,
}

/// Follows `error.code` and the [chain of inner errors](https://learn.microsoft.com/en-us/graph/errors). A body that is
/// empty, or a web page, has no codes.
fn codes_in(body: &[u8]) -> Vec<String> {
    const LONGEST_CHAIN: usize = 8;
    let mut codes = Vec::new();
    let mut node = serde_json::from_slice::<ErrorBody<'_>>(body).ok().and_then(|body| body.error);
    while let Some(ErrorNode { code, inner }) = node
        && codes.len() < LONGEST_CHAIN
    {
        let text = code.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        codes.extend(text.as_deref().and_then(clean).map(str::to_owned));
        node = inner.and_then(|raw| serde_json::from_str(raw.get()).ok());
    }
    codes
}

/// A foreign text, if it looks like a code: what has a space or an `@` may be a sentence or an address.
fn clean(text: &str) -> Option<&str> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    fits.then_some(text)
}

fn starts_with_fold(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> GraphError {
        GraphError::from_answer(status, body.as_bytes(), false)
    }

    fn coded(status: u16, code: &str) -> GraphError {
        answer(status, &format!(r#"{{"error":{{"code":"{code}","message":"CANARY"}}}}"#))
    }

    #[test]
    fn codes_are_read_from_the_whole_chain_and_only_if_they_look_like_codes() {
        let deep = answer(
            400,
            r#"{"error":{"code":"badRequest","message":"CANARY a@b.c",
                "innerError":{"code":"a@b.c","request-id":"0","innererror":{"code":"syncStateNotFound"}}}}"#,
        );
        assert_eq!(deep.code(), "badRequest");
        assert!(deep.is_cursor_lost());
        for bodiless in ["", "<html>CANARY</html>", "[]", r#"{"error":null}"#, r#"{"error":"CANARY x"}"#] {
            assert_eq!(answer(504, bodiless).code(), "http_504");
        }
        assert_eq!(answer(500, r#"{"error":{"code":7}}"#).code(), "http_500");
    }

    #[test]
    fn a_cursor_is_lost_by_status_or_by_code() {
        assert!(answer(410, "").is_cursor_lost());
        for code in ["SyncStateNotFound", "syncStateInvalid", "ResyncRequired"] {
            assert!(coded(400, code).is_cursor_lost(), "{code}");
        }
        assert!(!coded(404, "ErrorItemNotFound").is_cursor_lost());
        assert!(GraphError::from_answer(400, b"", true).is_bad_stored_link());
        assert!(!GraphError::from_answer(400, b"", false).is_bad_stored_link());
        assert!(!GraphError::from_answer(404, b"", true).is_bad_stored_link());
    }

    #[test]
    fn a_mailbox_is_judged_by_status_and_code() {
        use MailboxVerdict::{AccessDenied, Fail, RetryLater, Skip};
        use SkipReason::{NoMailbox, UnknownUser};
        for (status, code, verdict) in [
            (404, "MailboxNotEnabledForRESTAPI", Skip(NoMailbox)),
            (404, "mailboxnotenabledforrestapi", Skip(NoMailbox)),
            (404, "MailboxNotHostedInExchangeOnline", Skip(NoMailbox)),
            (404, "ErrorItemNotFound", Skip(NoMailbox)),
            (404, "ErrorInvalidUser", Skip(UnknownUser)),
            (404, "Request_ResourceNotFound", Skip(UnknownUser)),
            (404, "ResourceNotFound", Skip(UnknownUser)),
            (403, "ErrorAccessDenied", AccessDenied),
            (503, "MailboxInfoStale", RetryLater),
            (400, "ErrorMailboxMoveInProgress", RetryLater),
            (503, "ErrorMailboxStoreUnavailable", RetryLater),
            (429, "ApplicationThrottled", RetryLater),
            (504, "UnknownError", RetryLater),
            (400, "BadRequest", Fail),
            (404, "UnknownError", Fail),
            (401, "InvalidAuthenticationToken", Fail),
        ] {
            assert_eq!(coded(status, code).mailbox_verdict(), verdict, "{status} {code}");
        }
    }

    #[test]
    fn a_missing_folder_is_not_a_missing_mailbox() {
        assert!(coded(404, "ErrorItemNotFound").is_not_found());
        assert!(coded(404, "ErrorSyncFolderNotFound").is_not_found());
        assert!(answer(404, "").is_not_found());
        assert!(!coded(404, "MailboxNotEnabledForRESTAPI").is_not_found());
        assert!(coded(403, "Authorization_RequestDenied").is_directory_denied());
        assert!(!coded(403, "ErrorAccessDenied").is_directory_denied());
    }

    #[test]
    fn a_refusal_is_a_word_a_number_and_our_own_sentence() {
        let wrong = Refusal::new("invalid_client", Some("AADSTS7000215: CANARY"));
        assert_eq!(
            wrong.to_string(),
            "Microsoft refused the credentials: the client secret is not the right one (invalid_client, AADSTS7000215)"
        );
        let odd = TokenError::Refused(Refusal::new("CANARY with spaces", Some("CANARY")));
        assert_eq!(odd.code(), "refused");
        assert!(!format!("{odd} {odd:?}").contains("CANARY"));
    }
}
