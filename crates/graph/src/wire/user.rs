//! Users of the Entra tenant.

use m365_model::GraphUserId;
use serde::Deserialize;

/// A user, without a name or an address: what is kept of those is the domains.
#[derive(Deserialize)]
#[serde(from = "WireUser")]
pub struct User {
    /// The object id, which is how a mailbox is named in every path.
    pub id: GraphUserId,
    /// Whether the user is a guest. The type is
    /// [null on old accounts](https://learn.microsoft.com/en-us/graph/api/resources/user), the name's `#EXT#` is not.
    pub is_guest: bool,
    /// Whether the account may sign in. Shared mailboxes often may not, and are mailboxes all the same.
    pub account_enabled: Option<bool>,
    /// Whether the directory knows an address for the user. It may, and there be no mailbox.
    pub has_mail: bool,
    /// The domains of the user's name and SMTP addresses as Graph spells them, each once; none of a guest, whose addresses
    /// are another organization's.
    pub domains: Vec<String>,
}

super::silent_debug!(User);

impl User {
    /// Whether the user belongs to the tenant.
    pub fn is_member(&self) -> bool {
        !self.is_guest
    }

    /// The fields that a listing asks for.
    pub const SELECT: &'static [&'static str] = WireUser::SELECT;
}

super::asked_for! {
    WireUser {
        "id" => id: GraphUserId,
        "mail" => mail: Option<String>,
        "userPrincipalName" => principal: Option<String>,
        "userType" => kind: Option<String>,
        "accountEnabled" => account_enabled: Option<bool>,
        #[serde(default)]
        "proxyAddresses" => proxies: Option<Vec<String>>,
    }
    unasked {}
}

impl From<WireUser> for User {
    fn from(wire: WireUser) -> Self {
        let is_guest = wire.kind.is_some_and(|kind| kind.eq_ignore_ascii_case("guest"))
            || wire.principal.as_ref().is_some_and(|name| name.to_ascii_uppercase().contains("#EXT#"));
        let domains = if is_guest { Vec::new() } else { domains(wire.principal.as_deref(), wire.proxies.as_deref()) };
        Self {
            id: wire.id,
            is_guest,
            account_enabled: wire.account_enabled,
            has_mail: wire.mail.is_some_and(|mail| !mail.is_empty()),
            domains,
        }
    }
}

/// Proxy addresses come as `SMTP:` (the primary one), `smtp:`, `SIP:`, `X500:` and more; mail is the first two.
fn domains(principal: Option<&str>, proxies: Option<&[String]>) -> Vec<String> {
    let smtp = proxies.unwrap_or_default().iter().filter_map(|proxy| {
        let (kind, address) = proxy.split_once(':')?;
        kind.eq_ignore_ascii_case("smtp").then_some(address)
    });
    let mut found = Vec::new();
    for address in principal.into_iter().chain(smtp) {
        if let Some((_, domain)) = address.rsplit_once('@')
            && !domain.is_empty()
            && !found.iter().any(|known: &String| known.eq_ignore_ascii_case(domain))
        {
            found.push(domain.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> User {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_member_gives_the_domains_of_name_and_smtp_addresses() {
        let user = read(
            r#"{"id":"u1","mail":"a@mail.test","userPrincipalName":"a@contoso.com","userType":null,"displayName":"CANARY",
                "proxyAddresses":["SMTP:a@Contoso.com","smtp:a@contoso.co.uk","SIP:a@sip.test","X500:/o=x@y","a@bare.test"]}"#,
        );
        assert!(user.is_member() && user.has_mail);
        assert_eq!(user.domains, ["contoso.com", "contoso.co.uk"]);
        assert_eq!(format!("{user:?}"), "User(..)");
        let bare = read(r#"{"id":"u2","proxyAddresses":null}"#);
        assert!(bare.is_member() && !bare.has_mail && bare.domains.is_empty());
    }

    #[test]
    fn a_guest_is_known_by_type_or_by_name_and_gives_no_domain() {
        for guest in [
            r#"{"id":"g1","userType":"guest","userPrincipalName":"x@acme.com","proxyAddresses":["SMTP:x@acme.com"]}"#,
            r#"{"id":"g2","userType":"Member","userPrincipalName":"x_acme.com#ext#@contoso.onmicrosoft.com"}"#,
        ] {
            let user = read(guest);
            assert!(user.is_guest && user.domains.is_empty());
        }
    }

    #[test]
    fn a_listing_asks_for_no_name() {
        assert_eq!(User::SELECT.join(","), "id,mail,userPrincipalName,userType,accountEnabled,proxyAddresses");
    }
}
