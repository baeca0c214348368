//! Who works here, and whom they deal with.

use super::{Draw, furnish};
use crate::SimOptions;
use crate::ids;
use crate::names;
use crate::world::{Address, PersonNo, User, UserKind, UserNo, World};

/// The people whom letters and meetings are drawn from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cast {
    /// Members with a mailbox.
    pub colleagues: Vec<UserNo>,
    /// A second address of some of them.
    pub aliases: Vec<(UserNo, PersonNo)>,
    /// Rooms.
    pub rooms: Vec<UserNo>,
    /// People of the two customers that a demo lets in.
    pub key: Vec<PersonNo>,
    /// People of other customers, subdomains and look-alikes.
    pub other: Vec<PersonNo>,
    /// Suppliers and strangers.
    pub suppliers: Vec<PersonNo>,
    /// People who write from free mail.
    pub free: Vec<PersonNo>,
    /// Addresses that are hard to read, or none.
    pub awkward: Vec<PersonNo>,
    /// Machines that write.
    pub machines: Vec<PersonNo>,
}

impl Cast {
    /// Someone outside the tenant.
    pub(crate) fn outsider(&self, draw: &mut Draw) -> Option<PersonNo> {
        let from = match draw.below(100) {
            0..45 => &self.key,
            45..63 => &self.other,
            63..82 => &self.suppliers,
            82..92 => &self.free,
            _ => &self.awkward,
        };
        draw.pick(from)
    }

    /// A colleague other than this one.
    pub(crate) fn colleague(&self, draw: &mut Draw, but: UserNo) -> Option<UserNo> {
        draw.pick(&self.colleagues).filter(|found| *found != but)
    }
}

/// Opens the tenant: accounts, mailboxes with their folders, and everyone they know.
pub(crate) fn hire(options: &SimOptions, draw: &mut Draw) -> (World, Cast) {
    let domains = names::OWN_DOMAINS.map(str::to_owned).to_vec();
    let mut world = World::empty(options.start, options.seed, domains);
    let mut cast = Cast::default();
    let rooms = options.mailboxes / 10;
    let shared = usize::from(options.mailboxes >= 8);
    let people = options.mailboxes - rooms - shared;
    for number in 0..people {
        let user = member(&mut world, &mut cast, draw, number);
        cast.colleagues.push(user);
    }
    for number in 0..rooms {
        let user = resource(&mut world, UserKind::Room, &format!("Room.{}", number + 1));
        cast.rooms.push(user);
    }
    for number in 0..shared {
        resource(&mut world, UserKind::Shared, &format!("info{}", number + 1));
    }
    for number in 0..options.mailboxes.div_ceil(10) {
        unlicensed(&mut world, draw, number);
    }
    outsiders(&mut world, &mut cast, draw, options.mailboxes);
    for number in 0..options.mailboxes.div_ceil(6) {
        guest(&mut world, &cast, draw, number);
    }
    (world, cast)
}

fn invented_name(draw: &mut Draw) -> (&'static str, &'static str) {
    (draw.word(&names::GIVEN), draw.word(&names::FAMILY))
}

/// `Given Family`, and `given.family` with a number once the first names are used up.
fn account_name(draw: &mut Draw, number: usize) -> (String, String) {
    let (given, family) = invented_name(draw);
    let local = format!("{given}.{family}{}", number + 1);
    (format!("{given} {family}"), local)
}

fn member(world: &mut World, cast: &mut Cast, draw: &mut Draw, number: usize) -> UserNo {
    let (name, local) = account_name(draw, number);
    let lower = local.to_lowercase();
    // Directories are not tidy: capitals, accounts without `mail`, old ones without a type.
    let mail = match number % 8 {
        3 => Some(format!("{local}@Contoso.com")),
        6 => None,
        _ => Some(format!("{lower}@contoso.com")),
    };
    let upn = if number % 8 == 6 { format!("{lower}@contoso.onmicrosoft.com") } else { format!("{lower}@contoso.com") };
    let address = mail.clone().unwrap_or_else(|| upn.clone());
    let alias = format!("{}@contoso-eu.com", lower.replace('.', "-"));
    let person = world.add_person(&name, Address::Text(address.clone()));
    let proxies = vec![
        format!("SMTP:{address}"),
        format!("smtp:{alias}"),
        format!("smtp:{lower}@contoso.onmicrosoft.com"),
        format!("X500:/o=ExchangeLabs/ou=Exchange Administrative Group/cn=Recipients/cn={lower}"),
    ];
    let user = enlist(world, UserKind::Member, &name, upn, mail, proxies, person);
    if number % 7 == 5 {
        world.users[user.0].user_type = None;
    }
    if number.is_multiple_of(3) {
        let second = world.add_person(&name, Address::Text(alias));
        cast.aliases.push((user, second));
    }
    open_mailbox(world, user);
    user
}

fn resource(world: &mut World, kind: UserKind, local: &str) -> UserNo {
    let address = format!("{}@contoso.com", local.to_lowercase());
    let person = world.add_person(local, Address::Text(address.clone()));
    let proxies = vec![format!("SMTP:{address}")];
    let user = enlist(world, kind, local, address.clone(), Some(address), proxies, person);
    world.users[user.0].enabled = false;
    open_mailbox(world, user);
    user
}

fn unlicensed(world: &mut World, draw: &mut Draw, number: usize) {
    let (name, local) = account_name(draw, 900 + number);
    let upn = format!("{}@contoso.com", local.to_lowercase());
    let person = world.add_person(&name, Address::Text(upn.clone()));
    enlist(world, UserKind::Unlicensed, &name, upn, None, Vec::new(), person);
}

/// A customer's person who is a guest in this tenant; that makes nobody's domain ours.
fn guest(world: &mut World, cast: &Cast, draw: &mut Draw, number: usize) {
    let from = if number.is_multiple_of(2) { &cast.key } else { &cast.suppliers };
    let Some(person) = draw.pick(from) else { return };
    let Some(address) = world.person(person).address.text().map(str::to_owned) else { return };
    let upn = format!("{}#EXT#@contoso.onmicrosoft.com", address.replace('@', "_"));
    if world.find_user(&upn).is_some() {
        return;
    }
    let name = world.person(person).name.clone();
    let proxies = vec![format!("SMTP:{address}")];
    enlist(world, UserKind::Guest, &name, upn, Some(address), proxies, person);
}

/// Enters an account into the directory, without a mailbox.
pub(crate) fn enlist(
    world: &mut World,
    kind: UserKind,
    name: &str,
    upn: String,
    mail: Option<String>,
    proxies: Vec<String>,
    person: PersonNo,
) -> UserNo {
    let number = world.users.len() as u64;
    world.add_user(User {
        id: ids::guid(world.seed.rotate_left(32) ^ number),
        upn,
        mail,
        proxies,
        display_name: format!("{} CANARY-NAME-U{number:05}", name.split(" CANARY").next().unwrap_or(name)),
        kind,
        user_type: Some(if kind == UserKind::Guest { "Guest" } else { "Member" }),
        enabled: true,
        person,
        removed: false,
        mailbox: None,
    })
}

/// Gives an account a mailbox with the usual folders.
pub(crate) fn open_mailbox(world: &mut World, user: UserNo) {
    let stem = world.stem_for(user);
    let language = &names::LANGUAGES[user.0 % names::LANGUAGES.len()];
    world.users[user.0].mailbox = Some(furnish(stem, language, user.0));
}

fn outsiders(world: &mut World, cast: &mut Cast, draw: &mut Draw, size: usize) {
    let many = (size / 4).clamp(5, 200);
    for domain in names::KEY_DOMAINS {
        company(world, draw, domain, many, &mut cast.key);
    }
    for domain in names::OTHER_DOMAINS {
        company(world, draw, domain, many / 2 + 1, &mut cast.other);
    }
    for domain in names::SUPPLIER_DOMAINS {
        company(world, draw, domain, many / 3 + 1, &mut cast.suppliers);
    }
    for domain in names::FREE_MAIL {
        company(world, draw, domain, many / 2 + 1, &mut cast.free);
    }
    for (name, address) in AWKWARD {
        let address = match address {
            "(null)" => Address::Null,
            "(absent)" => Address::Absent,
            text => Address::Text(text.to_owned()),
        };
        cast.awkward.push(world.add_person(name, address));
    }
    for address in MACHINES {
        cast.machines.push(world.add_person("Notifications", Address::Text(address.to_owned())));
    }
}

fn company(world: &mut World, draw: &mut Draw, domain: &str, people: usize, into: &mut Vec<PersonNo>) {
    for number in 0..people {
        let (given, family) = invented_name(draw);
        let initial = &given[..1];
        let local = format!("{initial}.{family}{number}").to_lowercase();
        let name = format!("{given} {family}");
        into.push(world.add_person(&name, Address::Text(format!("{local}@{domain}"))));
    }
}

/// Names and addresses in every form that has been met in the field, good and bad.
const AWKWARD: [(&str, &str); 21] = [
    ("Shouting Buyer", "BUYER.ONE@ACME.COM"),
    ("Quiet Buyer", "buyer.one@acme.com"),
    ("Dotted Buyer", "buyer.two@acme.com."),
    ("Spaced Buyer", " buyer.three@acme.com "),
    ("Tagged Buyer", "buyer+news@globex.com"),
    ("Quoted Buyer", "\"buyer four\"@globex.com"),
    ("Umlaut", "einkauf@bücher.example"),
    ("Umlaut in ASCII", "einkauf@xn--bcher-kva.example"),
    ("Legacy", "/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn=0f3a-legacy"),
    ("Legacy with at", "/O=FIRST ORG/OU=ONE/CN=RECIPIENTS/CN=LEGACY@acme.com"),
    ("Encapsulated", "IMCEAEX-_o=ExchangeLabs_ou=One_cn=Recipients_cn=user@namprd01.prod.outlook.com"),
    ("No Address", "(null)"),
    ("Absent Address", "(absent)"),
    ("Empty Address", ""),
    ("A Name Only", "Jane Doe"),
    ("Name And Address", "Jane Doe <jane@acme.com>"),
    ("Two Signs", "jane@doe@acme.com"),
    ("Look-alike", "jane@evilacme.com"),
    ("Look-alike Host", "jane@acme.com.example.net"),
    ("Own Subdomain", "press@news.contoso.com"),
    ("Own In Capitals", "Reception@CONTOSO.COM"),
];

const MACHINES: [&str; 4] =
    ["no-reply@acme.com", "mailer-daemon@globex.com", "noreply@mail.acme.com", "newsletter@northwind.example"];
