//! Signing in and consenting, and what goes wrong with them.

use crate::Simulator;
use crate::id_token::Spoiled;
use crate::personas::OTHER_TENANT;

impl Simulator {
    /// Whether the tenant has consented to the application. Where it has not, the application gets
    /// no token until an administrator accepts on the page.
    pub fn set_consented(&self, consented: bool) {
        let tenant = self.options().tenant_id.clone();
        let mut entra = self.entra();
        if consented {
            entra.consented.insert(tenant);
        } else {
            entra.consented.remove(&tenant);
        }
    }

    /// The other Entra tenant consents too, and its application finds this same office: two tenants to read, of one truth.
    pub fn share_office_with_other_tenant(&self) {
        let mut entra = self.entra();
        entra.consented.insert(OTHER_TENANT.to_owned());
        entra.guests.insert(OTHER_TENANT.to_owned());
    }

    /// These redirect URIs are registered from now on, and no others: not even those of this machine.
    pub fn set_redirect_uris(&self, uris: &[&str]) {
        let mut entra = self.entra();
        entra.redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        entra.loopback_redirects = false;
    }

    /// A fresh grant that Graph has not heard of: tokens carry their roles, and the next so many
    /// requests are denied all the same. `u32::MAX` is for ever, or until [`Simulator::clear_faults`].
    pub fn delay_grant(&self, requests: u32) {
        self.faults().ungranted = requests;
    }

    /// A fresh grant that Entra itself is still applying: the next so many tokens carry no roles.
    pub fn delay_roles(&self, tokens: u32) {
        self.faults().roleless = tokens;
    }

    /// The next so many id_tokens are spoilt like this.
    pub fn spoil_id_tokens(&self, spoiled: Spoiled, tokens: usize) {
        self.faults().spoiled.extend(std::iter::repeat_n(spoiled, tokens));
    }

    /// From now on id_tokens are dated so many seconds late, or early where that is less than zero.
    pub fn skew_id_tokens(&self, seconds: i64) {
        self.faults().id_token_skew = seconds;
    }

    /// The next so many requests for the signing keys are answered with 503.
    pub fn fail_keys(&self, requests: u32) {
        self.faults().keys_down = requests;
    }

    /// Every authorization code handed out so far is too old. By itself a code grows old in ten
    /// minutes of the simulated clock.
    pub fn expire_codes(&self) {
        for code in self.entra().codes.values_mut() {
            code.expires = i64::MIN;
        }
    }
}
