// Compiles when `begin_accepted` is content with a tenant's name.
use m365_database::{Database, WriteTx};
use m365_model::TenantId;

async fn write(db: &Database, tenant: &TenantId) -> WriteTx {
    db.begin_accepted(tenant).await.unwrap()
}

fn main() {}
