//! The clock and the directory.

use jiff::{SignedDuration, Timestamp};

use crate::Simulator;
use crate::generate::{enlist, open_mailbox};
use crate::world::{Address, UserKind, UserNo};

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The display name; a canary is added.
    pub name: String,
    /// The user principal name.
    pub upn: String,
    /// The primary address.
    pub mail: Option<String>,
    /// What it is; it has a mailbox unless it is a guest or unlicensed.
    pub kind: UserKind,
}

impl NewUser {
    /// A member whose address is their user principal name.
    pub fn member(name: &str, address: &str) -> Self {
        Self { name: name.to_owned(), upn: address.to_owned(), mail: Some(address.to_owned()), kind: UserKind::Member }
    }
}

impl Simulator {
    /// Lets time pass. Nothing else ever does.
    pub fn advance(&self, by: SignedDuration) {
        self.world_mut().now += by;
    }

    /// The simulated time.
    pub fn now(&self) -> Timestamp {
        self.world().now
    }

    /// Makes an account, with an empty mailbox where its kind has one.
    pub fn add_user(&self, new: NewUser) -> UserNo {
        let mut desk = self.desk();
        let mut world = self.world_mut();
        let address = new.mail.clone().unwrap_or_else(|| new.upn.clone());
        let person = world.add_person(&new.name, Address::Text(address.clone()));
        let proxies = vec![format!("SMTP:{address}")];
        let user = enlist(&mut world, new.kind, &new.name, new.upn, new.mail, proxies, person);
        if !matches!(new.kind, UserKind::Guest | UserKind::Unlicensed) {
            open_mailbox(&mut world, user);
            if let Some(mailbox) = world.mailbox_mut(user) {
                mailbox.settle();
            }
        }
        if new.kind == UserKind::Member {
            desk.cast.colleagues.push(user);
        }
        world.users[user.0].enabled = !matches!(new.kind, UserKind::Room | UserKind::Shared);
        user
    }

    /// Removes an account: the directory no longer lists it, and its mailbox is out of reach.
    pub fn remove_user(&self, user: UserNo) {
        let mut desk = self.desk();
        desk.cast.colleagues.retain(|colleague| *colleague != user);
        desk.cast.rooms.retain(|room| *room != user);
        self.world_mut().users[user.0].removed = true;
    }

    /// Gives an account another name and primary address; the old one stays as a second address, and in whatever was written
    /// before.
    pub fn change_address(&self, user: UserNo, address: &str) {
        let mut world = self.world_mut();
        let name = world.user(user).display_name.split(" CANARY").next().unwrap_or_default().to_owned();
        let person = world.add_person(&name, Address::Text(address.to_owned()));
        let account = &mut world.users[user.0];
        account.mail = Some(address.to_owned());
        for proxy in &mut account.proxies {
            if let Some(old) = proxy.strip_prefix("SMTP:") {
                *proxy = format!("smtp:{old}");
            }
        }
        account.proxies.push(format!("SMTP:{address}"));
        world.rename_user(user, address, person);
    }

    /// Takes a user's licence away: the account stays, its mailbox answers 404.
    pub fn remove_licence(&self, user: UserNo) {
        let mut desk = self.desk();
        desk.cast.colleagues.retain(|colleague| *colleague != user);
        let mut world = self.world_mut();
        world.users[user.0].kind = UserKind::Unlicensed;
        world.users[user.0].mailbox = None;
    }
}
