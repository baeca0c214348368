// Compiles when the fields of `DpaAccepted` are public.
use m365_database::{Database, DpaAccepted};

fn forge(db: &Database) -> DpaAccepted<'_> {
    DpaAccepted {
        tenant: "default".parse().unwrap(),
        connector: "con_1".parse().unwrap(),
        acceptance: String::new(),
        _read_from: db,
    }
}

fn main() {}
