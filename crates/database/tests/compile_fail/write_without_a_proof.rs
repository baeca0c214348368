// Compiles when `begin_accepted` asks for no proof.
use m365_database::{Database, WriteTx};

async fn write(db: &Database) -> WriteTx {
    db.begin_accepted().await.unwrap()
}

fn main() {}
