//! `keys rotate`

use m365_store::{Rotated, Store};

use super::failed;
use crate::exit::{Exit, explain};

pub async fn rotate(store: &Store) -> Exit {
    let tenants = match store.database().tenants().await {
        Ok(tenants) => tenants,
        Err(error) => return failed(&error),
    };
    let mut total = Rotated::default();
    for tenant in &tenants {
        match store.rotate_keys(tenant).await {
            Ok(rotated) => {
                total.rotated += rotated.rotated;
                total.current += rotated.current;
                total.lost += rotated.lost;
                total.damaged += rotated.damaged;
            }
            Err(error) => {
                explain(&error);
                eprintln!("What was done stands; run the command again to go on.");
                return Exit::Failed;
            }
        }
    }
    eprintln!("{} values encrypted anew, {} were under the present key already.", total.rotated, total.current);
    if total.lost > 0 {
        explain(&format_args!(
            "{} values are under a key that was not given: add it to CONNECTOR_ENCRYPTION_KEY_PREVIOUS and run the command again",
            total.lost
        ));
    }
    if total.damaged > 0 {
        explain(&format_args!("{} values are damaged, or were moved from other rows: restore a backup", total.damaged));
    }
    if total.lost + total.damaged > 0 {
        return Exit::Failed;
    }
    eprintln!("Older keys are needed no more, except for backups made before now.");
    Exit::Done
}
