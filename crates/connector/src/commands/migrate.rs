//! `migrate`

use m365_store::Store;

use super::failed;
use crate::exit::Exit;

pub async fn run(store: &Store) -> Exit {
    match store.database().migrate().await {
        Ok(0) => eprintln!("The database is up to date."),
        Ok(steps) => {
            eprintln!("The database is set up ({steps} {} applied).", if steps == 1 { "step" } else { "steps" });
        }
        Err(error) => return failed(&error),
    }
    Exit::Done
}
