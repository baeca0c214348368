//! `health`

use m365_model::TenantId;
use m365_sync::{Engine, Level, health};

use super::sync_failed;
use crate::exit::Exit;
use crate::output::line;

pub async fn run(engine: &Engine, tenant: &TenantId, json: bool) -> Exit {
    let health = match health(tenant, engine).await {
        Ok(health) => health,
        Err(error) => return sync_failed(&error),
    };
    let text = if json {
        serde_json::to_string(&health).expect("checks are JSON")
    } else {
        let lines = health.checks.iter().map(|check| {
            let level = match check.level {
                Level::Ok => "ok     ",
                Level::Hint => "hint   ",
                Level::Warning => "warning",
                Level::Error => "error  ",
            };
            let todo =
                if check.resolution.is_empty() { String::new() } else { format!("\n          {}", check.resolution) };
            format!("{level}  {}: {}{todo}", check.name, check.detail)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let exit = if health.ok { Exit::Done } else { Exit::Failed };
    line(&text).map_or_else(|stopped| stopped.exit(), |()| exit)
}
