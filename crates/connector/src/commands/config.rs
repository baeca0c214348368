//! `config show | set`

use jiff::civil::Date;
use m365_activity::FieldMappings;
use m365_database::{AgreementState, agreement_state};
use m365_model::{TenantId, to_text};
use m365_privacy::DomainName;
use m365_store::config::InternalSource;
use m365_store::notes::SecretEnd;
use m365_store::settings::{ChangeError, NAMES};
use m365_store::{Store, StoreError};
use serde_json::{Value, json};

use super::{failed, operator};
use crate::cli::Config;
use crate::exit::{Exit, explain};
use crate::output::line;

pub async fn run(store: &Store, tenant: &TenantId, command: &Config) -> Exit {
    match command {
        Config::Show { json } => show(store, tenant, *json).await,
        Config::Set { name, value } if name == "internalDomains" => set_internal_domains(store, tenant, value).await,
        Config::Set { name, value } if name == "secretExpiresOn" => note_secret_end(store, tenant, value).await,
        Config::Set { name, value } => set(store, tenant, name, value).await,
    }
}

async fn show(store: &Store, tenant: &TenantId, as_json: bool) -> Exit {
    let shown = match collect(store, tenant).await {
        Ok(shown) => shown,
        Err(error) => return failed(&error),
    };
    let text = if as_json { shown.to_string() } else { lines(&shown).join("\n") };
    line(&text).map_or_else(|stopped| stopped.exit(), |()| Exit::Done)
}

async fn collect(store: &Store, tenant: &TenantId) -> Result<Value, StoreError> {
    let connector = store.connector(tenant).await?;
    let list = store.allow_list(tenant).await?;
    let (accepted_at, accepted_by) = match agreement_state(tenant, store.database()).await? {
        AgreementState::Standing(acceptance) => (Some(to_text(acceptance.at)), Some(acceptance.by)),
        _ => (None, None),
    };
    let internal = store.internal_domains(tenant).await?;
    let mappings = FieldMappings::default();
    let mut shown = json!({
        "allowedExternalDomains": list.entries.iter().map(|entry| entry.domain.as_str()).collect::<Vec<_>>(),
        "tenantDomain": connector.tenant_domain.as_str(),
        "internalDomains": internal.iter().map(DomainName::as_str).collect::<Vec<_>>(),
        "entraTenantId": connector.entra_tenant,
        "secretExpiresOn": store.secret_end(tenant).await?.map(|end| end.0.to_string()),
        "dpaAcceptedAt": accepted_at,
        "dpaAcceptedByUserId": accepted_by,
        "calendarFieldMappings": mappings.calendar(),
        "mailFieldMappings": mappings.mail(),
    });
    if let (Value::Object(shown), Ok(Value::Object(settings))) =
        (&mut shown, serde_json::to_value(store.settings(tenant).await?))
    {
        shown.extend(settings);
    }
    Ok(shown)
}

fn lines(shown: &Value) -> Vec<String> {
    let Value::Object(shown) = shown else { return Vec::new() };
    let mut lines = Vec::new();
    for (name, value) in shown {
        match value {
            Value::Array(rows) if name.ends_with("Mappings") => {
                lines.push(format!("{name}:"));
                lines.extend(rows.iter().map(|row| {
                    let word = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
                    format!("  {} -> {} ({})", word("source"), word("target"), word("transform"))
                }));
            }
            Value::Array(words) => {
                let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
                lines.push(format!("{name}: {}", words.join(", ")));
            }
            Value::Null => lines.push(format!("{name}: -")),
            Value::String(word) => lines.push(format!("{name}: {word}")),
            other => lines.push(format!("{name}: {other}")),
        }
    }
    lines
}

async fn set(store: &Store, tenant: &TenantId, name: &str, value: &str) -> Exit {
    if let Err(error) = store.connector(tenant).await {
        return failed(&error);
    }
    match store.change_setting(tenant, &operator(), name, value).await {
        Ok(()) => {
            eprintln!("{name} is {value}. What the old value left out is read again at the next sync.");
            Exit::Done
        }
        Err(ChangeError::Setting(error)) => {
            explain(&error);
            eprintln!("Settings: internalDomains, secretExpiresOn, {}", NAMES.join(", "));
            Exit::Usage
        }
        Err(ChangeError::Store(error)) => failed(&error),
    }
}

/// Microsoft does not tell an application when its secret ends: whoever makes one notes it.
async fn note_secret_end(store: &Store, tenant: &TenantId, value: &str) -> Exit {
    let day = match value {
        "off" => None,
        text => {
            let Ok(day) = text.parse::<Date>() else {
                explain(
                    &"secretExpiresOn: expected the day that Entra shows beside the secret, such as 2027-05-01, or off",
                );
                return Exit::Usage;
            };
            Some(day)
        }
    };
    match store.note_secret_end(tenant, &operator(), day.map(SecretEnd)).await {
        Ok(()) => {
            match day {
                Some(day) => eprintln!("The client secret ends on {day}: the metrics tell it."),
                None => eprintln!("It is not known when the client secret ends."),
            }
            Exit::Done
        }
        Err(error) => failed(&error),
    }
}

async fn set_internal_domains(store: &Store, tenant: &TenantId, value: &str) -> Exit {
    let mut domains = Vec::new();
    for text in value.split(',').filter(|text| !text.trim().is_empty()) {
        match text.parse::<DomainName>() {
            Ok(domain) => domains.push(domain),
            Err(error) => {
                explain(&format_args!("internalDomains: {error}"));
                return Exit::Usage;
            }
        }
    }
    if let Err(error) = store.connector(tenant).await {
        return failed(&error);
    }
    match store.set_internal_domains(tenant, InternalSource::Configured, &domains).await {
        Ok(paused) => {
            for domain in paused {
                eprintln!("{domain}: on the allow-list, so its entry is paused; see allowlist list.");
            }
            eprintln!("People of {} configured domains count as your own from the next page on.", domains.len());
            Exit::Done
        }
        Err(error) => failed(&error),
    }
}
