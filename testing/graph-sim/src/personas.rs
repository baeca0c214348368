//! Who signs in.

use crate::SimOptions;
use crate::ids;

/// The id of a tenant beside the simulated one. Entra knows it, and it has administrators; it has no
/// office, so Graph shows nothing of it.
pub const OTHER_TENANT: &str = "99999999-8888-4777-8666-555555555555";

/// Template ids of directory roles, which stand in `wids`
/// (<https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference>).
const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
const PRIVILEGED_ROLE_ADMINISTRATOR: &str = "e8611ab8-c189-46e8-94e1-60213ab1f814";
/// What `wids` says of every member of a tenant, and of every guest.
const MEMBER: &str = "b79fbf4d-3ef9-4689-8143-76b194e85509";
const GUEST: &str = "13bd1c72-6f4a-4dcf-985f-18d3b80f208a";

/// Someone who can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Persona {
    /// A Global Administrator.
    Administrator,
    /// A Privileged Role Administrator, who may consent too.
    PrivilegedRoleAdministrator,
    /// Someone without any administrator's role.
    Employee,
    /// A Global Administrator in a tenant whose id_tokens carry no `wids`.
    AdministratorWithoutRoleClaim,
    /// Someone of [`OTHER_TENANT`] who was invited here. They sign in to this tenant, which the
    /// service does at this tenant's own address only.
    Guest,
    /// A Global Administrator of [`OTHER_TENANT`].
    OtherAdministrator,
}

impl Persona {
    /// Everybody, in the order of the page.
    pub const ALL: [Self; 6] = [
        Self::Administrator,
        Self::PrivilegedRoleAdministrator,
        Self::Employee,
        Self::AdministratorWithoutRoleClaim,
        Self::Guest,
        Self::OtherAdministrator,
    ];

    /// The persona's name in links and in `data-persona`.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::PrivilegedRoleAdministrator => "privileged-role-administrator",
            Self::Employee => "employee",
            Self::AdministratorWithoutRoleClaim => "administrator-without-role-claim",
            Self::Guest => "guest",
            Self::OtherAdministrator => "administrator-of-another-organization",
        }
    }

    /// What the page calls the persona, behind "Sign in as".
    pub fn title(self) -> String {
        self.slug().replace('-', " ")
    }

    pub(crate) fn named(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|persona| persona.slug() == slug)
    }

    /// The tenant that the persona signs in to.
    pub(crate) fn tenant(self, options: &SimOptions) -> &str {
        if self == Self::OtherAdministrator { OTHER_TENANT } else { &options.tenant_id }
    }

    /// The tenant that the persona comes from, where that is another one.
    pub(crate) fn home(self) -> Option<&'static str> {
        (self == Self::Guest).then_some(OTHER_TENANT)
    }

    /// The object id in the tenant that is signed in to.
    pub(crate) fn object_id(self) -> String {
        ids::guid(0x0A00 + self as u64)
    }

    /// The address that is signed in with; `domain` is the tenant's own.
    pub(crate) fn address(self, domain: &str) -> String {
        let domain = if matches!(self, Self::Guest | Self::OtherAdministrator) { "fabrikam.com" } else { domain };
        format!("{}@{domain}", self.slug())
    }

    pub(crate) fn roles(self) -> Option<Vec<&'static str>> {
        match self {
            Self::Administrator | Self::OtherAdministrator => Some(vec![GLOBAL_ADMINISTRATOR, MEMBER]),
            Self::PrivilegedRoleAdministrator => Some(vec![PRIVILEGED_ROLE_ADMINISTRATOR, MEMBER]),
            Self::Employee => Some(vec![MEMBER]),
            Self::AdministratorWithoutRoleClaim => None,
            Self::Guest => Some(vec![GUEST]),
        }
    }
}
