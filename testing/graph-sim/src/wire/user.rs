//! Accounts, as `/users` lists them (<https://learn.microsoft.com/graph/api/user-list>).

use serde::Serialize;

use crate::world::User;

/// What is shown without `$select`.
pub(crate) const DEFAULT: &str = "businessPhones,displayName,givenName,jobTitle,mail,mobilePhone,\
officeLocation,preferredLanguage,surname,userPrincipalName,id";

/// What can be selected.
pub(crate) const KNOWN: [&str; 15] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
    "accountEnabled",
    "userType",
    "proxyAddresses",
    "assignedPlans",
];

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserRow<'a> {
    business_phones: [&'static str; 0],
    display_name: &'a str,
    given_name: Option<&'a str>,
    job_title: Option<&'a str>,
    mail: Option<&'a str>,
    mobile_phone: Option<&'a str>,
    office_location: Option<&'a str>,
    preferred_language: Option<&'a str>,
    surname: Option<&'a str>,
    user_principal_name: &'a str,
    id: &'a str,
    account_enabled: bool,
    user_type: Option<&'static str>,
    proxy_addresses: &'a [String],
    assigned_plans: [&'static str; 0],
}

impl<'a> UserRow<'a> {
    pub fn new(user: &'a User) -> Self {
        Self {
            business_phones: [],
            display_name: &user.display_name,
            given_name: None,
            job_title: None,
            mail: user.mail.as_deref(),
            mobile_phone: None,
            office_location: None,
            preferred_language: None,
            surname: None,
            user_principal_name: &user.upn,
            id: &user.id,
            account_enabled: user.enabled,
            user_type: user.user_type,
            proxy_addresses: &user.proxies,
            assigned_plans: [],
        }
    }
}
