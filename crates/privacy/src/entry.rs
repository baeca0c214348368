//! Whether a domain may be put on the allow-list.

use crate::domain::is_known_suffix;
use crate::{DomainError, DomainName};

/// A domain that may be put on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedDomain {
    /// The domain in its one spelling.
    pub domain: DomainName,
    /// Whether it hands out addresses to anyone, so that a person has to confirm it.
    pub free_mail: bool,
}

/// Why a text is not put on the list. The sentences never repeat the text: whoever shows one says which of the texts it
/// is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryRefusal {
    /// It is no domain name.
    #[error(transparent)]
    NoDomain(#[from] DomainError),
    /// Everyone can register names below it.
    #[error("this is a public suffix: anyone can register names below it, so name the organization's own domain")]
    PublicSuffix,
    /// It is one of the tenant's own domains, or below one.
    #[error("this is one of your own domains, or below one: people inside your organization are never recorded")]
    OwnDomain,
    /// Its subdomains are asked for, and one of the tenant's own domains is among them.
    #[error("one of your own domains is below this one: name it without its subdomains")]
    AboveOwnDomain,
}

/// Judges a proposed entry. `internal` are the tenant's own domains as far as they are known, `include_subdomains` is
/// what the entry would say.
pub fn judge_entry(
    text: &str,
    internal: &[DomainName],
    include_subdomains: bool,
) -> Result<JudgedDomain, EntryRefusal> {
    let domain = match DomainName::parse(text) {
        Ok(domain) => domain,
        Err(DomainError::SingleLabel) if is_top_level_domain(text) => return Err(EntryRefusal::PublicSuffix),
        Err(error) => return Err(error.into()),
    };
    if internal.iter().any(|own| domain.is_or_is_below(own)) {
        return Err(EntryRefusal::OwnDomain);
    }
    if domain.is_public_suffix() {
        return Err(EntryRefusal::PublicSuffix);
    }
    if include_subdomains && internal.iter().any(|own| own.is_or_is_below(&domain)) {
        return Err(EntryRefusal::AboveOwnDomain);
    }
    let free_mail = domain.is_free_mail();
    Ok(JudgedDomain { domain, free_mail })
}

fn is_top_level_domain(text: &str) -> bool {
    is_known_suffix(&text.trim().trim_end_matches('.').to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, include_subdomains: bool) -> EntryRefusal {
        let own = ["contoso.com", "eu.fabrikam.com"].map(|name| name.parse().unwrap());
        judge_entry(text, &own, include_subdomains).unwrap_err()
    }

    #[test]
    fn what_may_not_be_on_the_list_is_refused_with_the_reason() {
        for (text, expected) in [
            ("", DomainError::Empty.into()),
            ("jane@acme.com", DomainError::Address.into()),
            ("https://acme.com/", DomainError::Url.into()),
            ("*.acme.com", DomainError::Wildcard.into()),
            ("acme", DomainError::SingleLabel.into()),
            ("192.168.0.1", DomainError::IpAddress.into()),
            ("ac me.com", DomainError::Malformed.into()),
            (" COM. ", EntryRefusal::PublicSuffix),
            ("co.uk", EntryRefusal::PublicSuffix),
            ("GitHub.io", EntryRefusal::PublicSuffix),
            ("Contoso.COM.", EntryRefusal::OwnDomain),
            ("eu.contoso.com", EntryRefusal::OwnDomain),
        ] {
            for include_subdomains in [false, true] {
                assert_eq!(refusal(text, include_subdomains), expected, "{text:?}");
            }
        }
        assert_eq!(refusal("fabrikam.com", true), EntryRefusal::AboveOwnDomain);
    }

    #[test]
    fn each_refusal_has_one_sentence_that_does_not_repeat_the_text() {
        let address = refusal("zzqq@acme.com", false).to_string();
        assert!(address.contains("name the domain alone") && !address.contains("zzqq"), "{address}");
        for refusal in [EntryRefusal::PublicSuffix, EntryRefusal::OwnDomain, EntryRefusal::AboveOwnDomain] {
            assert!(!refusal.to_string().contains('\n'));
        }
    }

    #[test]
    fn others_domains_are_judged_and_free_mail_is_told() {
        let own = ["eu.fabrikam.com".parse().unwrap()];
        let acme = judge_entry(" ACME.com. ", &own, true).unwrap();
        assert_eq!((acme.domain.as_str(), acme.free_mail), ("acme.com", false));
        assert!(judge_entry("gmail.com", &own, false).unwrap().free_mail);
        // Without its subdomains, the domain above one's own is someone else's.
        assert_eq!(judge_entry("fabrikam.com", &own, false).unwrap().domain.as_str(), "fabrikam.com");
    }
}
