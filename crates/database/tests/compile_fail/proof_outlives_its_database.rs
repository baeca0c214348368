// Compiles when `DpaAccepted` does not borrow from the database that it was read from.
use m365_database::{Database, DpaAccepted, assert_dpa_accepted};
use m365_model::{Surroundings, TenantId};

async fn kept(tenant: &TenantId) -> DpaAccepted<'static> {
    let db = Database::open("sqlite://x.db", Surroundings::system()).await.unwrap();
    assert_dpa_accepted(tenant, &db).await.unwrap()
}

fn main() {}
