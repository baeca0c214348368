//! Entra's error numbers, and what a person can do about each.
//!
//! [Microsoft says](https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes) not to build on these
//! numbers, so nothing here decides anything: they choose the sentence that a person reads, and that is all.

/// What an error of Entra's means, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// What is wrong.
    pub sentence: &'static str,
    /// What a person does about it.
    pub remedy: &'static str,
}

const fn hint(sentence: &'static str, remedy: &'static str) -> Hint {
    Hint { sentence, remedy }
}

const CONSENT: &str = "Run the admin consent flow again for the Microsoft tenant: an administrator of that tenant opens the \
                       connector's consent page and accepts.";
const CLOUD: &str =
    "Check the cloud setting: the authority and the Graph address must be those of the tenant's own cloud.";
const SECRET: &str =
    "Create a new client secret under App registrations, Certificates & secrets, and set its value here.";

const HINTS: &[(&[u32], Hint)] = &[
    (
        &[7_000_215],
        hint(
            "the client secret is not the right one",
            "Set the secret's value, not its id: the value is shown once, when the secret is made. If it is lost, make a new one.",
        ),
    ),
    (&[7_000_222], hint("the client secret has expired", SECRET)),
    (&[700_016], hint("the application is not known in this tenant", CONSENT)),
    (&[7_000_229], hint("the application has no service principal in this tenant", CONSENT)),
    (
        &[90_002],
        hint(
            "the tenant was not found",
            "Check the Entra tenant id, and that the cloud setting is the tenant's own cloud.",
        ),
    ),
    (&[65_001], hint("nobody has consented for this tenant yet", CONSENT)),
    (&[65_004], hint("the consent was declined", CONSENT)),
    (
        &[650_056],
        hint(
            "the application is misconfigured, or its permissions were not consented to",
            "Check under API permissions that the application permissions are listed, then give admin consent again.",
        ),
    ),
    (
        &[53_003],
        hint(
            "a Conditional Access policy of the tenant blocks the application",
            "Ask an administrator of the tenant to exclude this workload from the policy, or to allow this server's address.",
        ),
    ),
    (&[500_011], hint("the tenant has no service principal for Microsoft Graph at this address", CLOUD)),
    (
        &[7_000_112],
        hint(
            "the application is disabled in this tenant",
            "Enable it under Enterprise applications, Properties, 'Enabled for users to sign-in'.",
        ),
    ),
    (
        &[700_027],
        hint(
            "the signature made with the certificate was not accepted",
            "Check that the certificate on the application registration is the one used here and has not expired.",
        ),
    ),
    (
        &[50_011],
        hint(
            "the redirect address is not registered",
            "Register this connector's redirect address, letter for letter, under Authentication of the application.",
        ),
    ),
    (&[90_094, 90_095], hint("an administrator's consent is needed", CONSENT)),
    (&[900_382, 900_432, 90_038], hint("the tenant lives in another cloud", CLOUD)),
    (&[90_055], hint("Entra is throttling this application", "Wait some minutes: the next sync asks again.")),
    (
        &[9_001_023, 50_194],
        hint(
            "the application cannot be used across tenants, or no single tenant was named",
            "Give the tenant's own id, and register the application as multi-tenant if it belongs to another tenant.",
        ),
    ),
];

/// What the number says; `None` for one that is not in the table.
pub(crate) fn of_number(number: u32) -> Option<Hint> {
    HINTS.iter().find(|(numbers, _)| numbers.contains(&number)).map(|(_, hint)| *hint)
}

/// What OAuth's own [error word](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) says, when the number is not known.
pub(crate) fn of_word(word: &str) -> Hint {
    match word {
        "invalid_client" => hint("the application id or its secret was not accepted", SECRET),
        "unauthorized_client" => hint("the application may not ask for a token in this tenant", CONSENT),
        "invalid_scope" | "invalid_resource" => hint("Microsoft Graph was not found at this address", CLOUD),
        "interaction_required" | "consent_required" => hint("a person must consent first", CONSENT),
        _ => hint(
            "the request for a token was refused",
            "Check the application id, its secret, the Entra tenant id and the cloud setting.",
        ),
    }
}

/// The number in Entra's description: digits after `AADSTS`. Nothing else of that text is kept.
pub(crate) fn number_in(description: &str) -> Option<u32> {
    let (_, after) = description.split_once("AADSTS")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_all_that_is_taken_from_a_description() {
        assert_eq!(number_in("AADSTS7000215: Invalid client secret provided."), Some(7_000_215));
        assert_eq!(number_in("Oops (AADSTS90002)"), Some(90_002));
        for without in ["", "AADSTS", "AADSTS: x", "AADSTS99999999999", "aad sts"] {
            assert_eq!(number_in(without), None, "{without}");
        }
    }

    #[test]
    fn every_number_stands_once_and_has_a_remedy() {
        let mut seen = std::collections::BTreeSet::new();
        for (numbers, hint) in HINTS {
            assert!(!hint.sentence.is_empty() && hint.remedy.ends_with('.'));
            for number in *numbers {
                assert!(seen.insert(number), "AADSTS{number} stands twice");
                assert_eq!(of_number(*number), Some(*hint));
            }
        }
        assert!(of_number(7_000_229).unwrap().remedy.contains("admin consent"));
        assert_eq!(of_number(1), None);
    }
}
