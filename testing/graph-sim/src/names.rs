//! The words that the invented tenant is made of. None of the people exists.

/// Given names of invented people.
pub const GIVEN: [&str; 32] = [
    "Lena", "Jonas", "Mira", "Tobias", "Clara", "Anouk", "Bram", "Femke", "Luc", "Margot", "Remy", "Ines", "Paulo",
    "Sofia", "Henrik", "Astrid", "Nils", "Freya", "Owen", "Ruth", "Edgar", "Hazel", "Milo", "Nadia", "Oscar", "Petra",
    "Quentin", "Rosa", "Stellan", "Tess", "Ugo", "Vera",
];

/// Family names of invented people.
pub const FAMILY: [&str; 32] = [
    "Amsel",
    "Birkenau",
    "Castellane",
    "Dornfeld",
    "Eikelboom",
    "Farrowdale",
    "Grauwasser",
    "Hollenbrook",
    "Ivarssen",
    "Jadewell",
    "Kestrelman",
    "Lindenhof",
    "Moorcastle",
    "Nachtweide",
    "Ostergard",
    "Pellerine",
    "Quillfeather",
    "Rosenquell",
    "Silberhain",
    "Tannenwald",
    "Underbridge",
    "Vanterpool",
    "Waldvogel",
    "Xanderhof",
    "Yarrowfield",
    "Zilverberg",
    "Ashcombe",
    "Brightwater",
    "Cinderford",
    "Duskwood",
    "Elderbrook",
    "Foxglove",
];

/// The tenant's own domains, the default one first.
pub const OWN_DOMAINS: [&str; 3] = ["contoso.com", "contoso-eu.com", "contoso.onmicrosoft.com"];

/// The two customers that a demo lets in.
pub const KEY_DOMAINS: [&str; 2] = ["acme.com", "globex.com"];

/// Customers and subdomains of customers that are not on that list as they stand.
pub const OTHER_DOMAINS: [&str; 4] = ["initech.com", "mail.acme.com", "eu.globex.com", "acme.co"];

/// Suppliers and strangers.
pub const SUPPLIER_DOMAINS: [&str; 6] =
    ["northwind.example", "umbrella.example", "hooli.example", "tyrell.example", "wayfarer.example", "evilacme.com"];

/// Free mail.
pub const FREE_MAIL: [&str; 3] = ["gmail.com", "outlook.com", "gmx.de"];

/// What people write about. `{}` is the other side's name.
pub const MAIL_SUBJECTS: [&str; 20] = [
    "Renewal proposal for {}",
    "Pricing for the second quarter",
    "Re: Pricing for the second quarter",
    "Questions about the data processing agreement",
    "Kick-off next steps",
    "Re: Kick-off next steps",
    "{} rollout plan",
    "Security questionnaire",
    "Updated order form",
    "Support ticket escalation",
    "Minutes of our call",
    "Feature request from {}",
    "Invoice clarification",
    "Introduction",
    "Re: Introduction",
    "Pilot results at {}",
    "Training dates",
    "Contract draft, version 3",
    "Thank you for today",
    "Travel arrangements",
];

/// What meetings are about. `{}` is the other side's name.
pub const MEETING_SUBJECTS: [&str; 14] = [
    "Q1 Planning",
    "{} quarterly review",
    "Product demo for {}",
    "Contract negotiation",
    "Onboarding workshop",
    "{} status",
    "Technical deep dive",
    "Budget alignment",
    "Roadmap preview",
    "Escalation call with {}",
    "Architecture review",
    "Pilot retrospective",
    "Data migration planning",
    "Coffee with {}",
];

/// What regular meetings are about.
pub const SERIES_SUBJECTS: [&str; 8] = [
    "Weekly sync with {}",
    "Team stand-up",
    "{} steering committee",
    "Pipeline review",
    "One-on-one",
    "{} project call",
    "Office hours",
    "Monthly business review",
];

/// What whole days are taken up by.
pub const ALL_DAY_SUBJECTS: [&str; 5] = ["Offsite", "Trade fair", "Workshop at {}", "Public holiday", "Site visit"];

/// A mailbox's language: the names of its folders.
pub struct Language {
    /// The name of the root.
    pub root: &'static str,
    /// Well-known names and what they are called, directly below the root.
    pub folders: [(&'static str, &'static str); 12],
    /// The children of the folder for sync issues.
    pub sync_issues: [(&'static str, &'static str); 3],
    /// Customers, projects, old projects: the folders that people make.
    pub own: [&'static str; 3],
    /// A saved search.
    pub search: &'static str,
}

/// The languages that mailboxes take turns in.
pub const LANGUAGES: [Language; 5] = [
    Language {
        root: "Top of Information Store",
        folders: [
            ("archive", "Archive"),
            ("conversationhistory", "Conversation History"),
            ("deleteditems", "Deleted Items"),
            ("drafts", "Drafts"),
            ("inbox", "Inbox"),
            ("junkemail", "Junk Email"),
            ("outbox", "Outbox"),
            ("sentitems", "Sent Items"),
            ("syncissues", "Sync Issues"),
            ("clutter", "Clutter"),
            ("scheduled", "Scheduled"),
            ("searchfolders", "Search Folders"),
        ],
        sync_issues: [
            ("conflicts", "Conflicts"),
            ("localfailures", "Local Failures"),
            ("serverfailures", "Server Failures"),
        ],
        own: ["Customers", "Projects", "Old projects"],
        search: "Weekly digests",
    },
    Language {
        root: "Oberste Ebene des Informationsspeichers",
        folders: [
            ("archive", "Archiv"),
            ("conversationhistory", "Unterhaltungsverlauf"),
            ("deleteditems", "Gelöschte Elemente"),
            ("drafts", "Entwürfe"),
            ("inbox", "Posteingang"),
            ("junkemail", "Junk-E-Mail"),
            ("outbox", "Postausgang"),
            ("sentitems", "Gesendete Elemente"),
            ("syncissues", "Synchronisierungsprobleme"),
            ("clutter", "Clutter"),
            ("scheduled", "Geplant"),
            ("searchfolders", "Suchordner"),
        ],
        sync_issues: [
            ("conflicts", "Konflikte"),
            ("localfailures", "Lokale Fehler"),
            ("serverfailures", "Serverfehler"),
        ],
        own: ["Kunden", "Projekte", "Alte Projekte"],
        search: "Ungelesene Nachrichten",
    },
    Language {
        root: "Haut de la banque d’informations",
        folders: [
            ("archive", "Archive"),
            ("conversationhistory", "Historique des conversations"),
            ("deleteditems", "Éléments supprimés"),
            ("drafts", "Brouillons"),
            ("inbox", "Boîte de réception"),
            ("junkemail", "Courrier indésirable"),
            ("outbox", "Boîte d’envoi"),
            ("sentitems", "Éléments envoyés"),
            ("syncissues", "Problèmes de synchronisation"),
            ("clutter", "Courrier pêle-mêle"),
            ("scheduled", "Planifié"),
            ("searchfolders", "Dossiers de recherche"),
        ],
        sync_issues: [
            ("conflicts", "Conflits"),
            ("localfailures", "Défaillances locales"),
            ("serverfailures", "Défaillances du serveur"),
        ],
        own: ["Clients", "Projets", "Anciens projets"],
        search: "Messages non lus",
    },
    Language {
        root: "Bovenste map van gegevensarchief",
        folders: [
            ("archive", "Archiveren"),
            ("conversationhistory", "Gesprekgeschiedenis"),
            ("deleteditems", "Verwijderde items"),
            ("drafts", "Concepten"),
            ("inbox", "Postvak IN"),
            ("junkemail", "Ongewenste e-mail"),
            ("outbox", "Postvak UIT"),
            ("sentitems", "Verzonden items"),
            ("syncissues", "Synchronisatieproblemen"),
            ("clutter", "Onbelangrijke e-mail"),
            ("scheduled", "Gepland"),
            ("searchfolders", "Zoekmappen"),
        ],
        sync_issues: [
            ("conflicts", "Conflicten"),
            ("localfailures", "Lokale fouten"),
            ("serverfailures", "Serverfouten"),
        ],
        own: ["Klanten", "Projecten", "Oude projecten"],
        search: "Ongelezen berichten",
    },
    Language {
        root: "Principio del almacén de información",
        folders: [
            ("archive", "Archivo"),
            ("conversationhistory", "Historial de conversaciones"),
            ("deleteditems", "Elementos eliminados"),
            ("drafts", "Borradores"),
            ("inbox", "Bandeja de entrada"),
            ("junkemail", "Correo no deseado"),
            ("outbox", "Bandeja de salida"),
            ("sentitems", "Elementos enviados"),
            ("syncissues", "Problemas de sincronización"),
            ("clutter", "Otros correos"),
            ("scheduled", "Programado"),
            ("searchfolders", "Carpetas de búsqueda"),
        ],
        sync_issues: [
            ("conflicts", "Conflictos"),
            ("localfailures", "Errores locales"),
            ("serverfailures", "Errores del servidor"),
        ],
        own: ["Clientes", "Proyectos", "Proyectos antiguos"],
        search: "Mensajes sin leer",
    },
];
