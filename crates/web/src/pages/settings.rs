//! Settings: what is kept, how much it says, when it is read.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use m365_store::settings::{ChangeError, NAMES, Settings};
use serde_json::Value;

use crate::doors::{Admin, Change, Fields, Form};
use crate::problem::Problem;
use crate::render::{Behind as _, Shell};

/// A setting on the page.
struct Field {
    name: &'static str,
    title: &'static str,
    says: &'static str,
    /// What it takes, in words; none where a number is typed.
    options: Vec<(&'static str, &'static str)>,
    value: String,
    /// What it was when the page was made.
    was: String,
    wrong: String,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    shell: Shell,
    fields: Vec<Field>,
    mappings: Vec<(&'static str, &'static str, &'static str)>,
    notice: String,
}

/// The page.
pub async fn show(admin: Admin) -> Result<Response, Problem> {
    let settings = admin.app.store().settings(&admin.who.tenant).await?;
    admin.app.store().connector(&admin.who.tenant).await?;
    Ok(page(&admin, fields(&settings), String::new()))
}

fn page(admin: &Admin, fields: Vec<Field>, notice: String) -> Response {
    admin.page(&SettingsPage {
        shell: admin.shell("Settings", "connectors"),
        fields,
        mappings: MAPPINGS.to_vec(),
        notice,
    })
}

/// Which properties of a record are taken from where.
const MAPPINGS: [(&str, &str, &str); 6] = [
    ("meetingSubject", "subject", "meeting"),
    ("durationMinutes", "end minus start", "meeting"),
    ("responseStatus", "attendees[].status.response", "meeting"),
    ("attendeeCount", "attendees, rooms left out", "meeting"),
    ("conversationId", "conversationId", "message"),
    ("participantEmails", "sender, toRecipients, ccRecipients", "message"),
];

/// The value of a setting as `config set` takes it.
fn value_of(settings: &Settings, name: &str) -> String {
    match serde_json::to_value(settings).unwrap_or_default().get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "off".to_owned(),
    }
}

fn fields(settings: &Settings) -> Vec<Field> {
    NAMES.iter().map(|name| field(name, value_of(settings, name))).collect()
}

fn field(name: &'static str, value: String) -> Field {
    let include = [("exclude", "Leave them out"), ("include", "Count them")];
    let keep = [("store", "Keep"), ("omit", "Leave out")];
    let (title, says, options): (_, _, Vec<_>) = match name {
        "detail" => (
            "Detail",
            "Extended adds direction, automated senders, recurring and all-day, from what is read anyway.",
            vec![("basic", "Basic"), ("extended", "Extended")],
        ),
        "privateEvents" => ("Private meetings", "Marked private, personal or confidential.", include.to_vec()),
        "meetingMail" => ("Invitations in mail", "The meeting itself counts already.", include.to_vec()),
        "externalOrganizer" => (
            "Organizers outside",
            "Whether somebody outside who organizes a meeting counts as taking part, listed or not.",
            vec![("include", "Count them"), ("exclude", "Only if listed")],
        ),
        "subjects" => ("Subjects", "Left out, those that are stored are forgotten at once.", keep.to_vec()),
        "organizerEmail" => {
            ("Organizers’ addresses", "Left out, those that are stored are forgotten at once.", keep.to_vec())
        }
        "mailDedupe" => (
            "One message in several mailboxes",
            "Joined by its internet message id, which Microsoft must then send besides.",
            vec![("off", "A record for each mailbox"), ("internetMessageId", "One record")],
        ),
        "meetingDedupe" => (
            "One meeting in several calendars",
            "Joined, it is one record for each person.",
            vec![("on", "One record a person"), ("off", "A record for each calendar")],
        ),
        "lookbackDays" => ("Look-back, in days", "How far the first sync reads back; 1 to 1460.", Vec::new()),
        "syncIntervalMinutes" => {
            ("Minutes between syncs", "From the beginning of one to the next; 5 to 1440.", Vec::new())
        }
        "retentionDays" => ("Delete records after so many days", "1 to 3650, or off.", Vec::new()),
        _ => (name, "", Vec::new()),
    };
    Field { name, title, says, options, was: value.clone(), value, wrong: String::new() }
}

/// What was chosen: for each setting, what it is to be and what it was on the page.
pub struct Wanted(Vec<(&'static str, String, String)>);

impl Form for Wanted {
    fn read(fields: &Fields) -> Self {
        let one = |name: &&'static str| {
            let was = format!("was.{name}");
            (*name, fields.text(name).to_owned(), fields.text(&was).to_owned())
        };
        Self(NAMES.iter().map(one).filter(|(_, wanted, _)| !wanted.is_empty()).collect())
    }
}

/// Changes what was changed on the page. What somebody else changed meanwhile is left, and said.
pub async fn save(change: Change<Wanted>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    let (store, tenant) = (admin.app.store(), &admin.who.tenant);
    let now = store.settings(tenant).await?;
    let mut wrong = Vec::new();
    for (name, wanted, was) in form.0.iter().filter(|(_, wanted, was)| wanted != was) {
        let current = value_of(&now, name);
        if current != *was && current != *wanted {
            wrong.push((
                *name,
                format!("Somebody else changed this to “{current}” while you had the page open. Yours was not saved."),
            ));
            continue;
        }
        match store.change_setting(tenant, &admin.who.user, name, wanted).await {
            Ok(()) => {}
            Err(ChangeError::Setting(error)) => wrong.push((*name, format!("{error}."))),
            Err(ChangeError::Store(error)) => return Err(error.into()),
        }
    }
    if wrong.is_empty() {
        return Ok(Redirect::to("/settings/connectors/microsoft-365/settings").into_response());
    }
    let mut fields = fields(&store.settings(tenant).await?);
    for (name, said) in wrong {
        if let Some(field) = fields.iter_mut().find(|field| field.name == name) {
            field.wrong = said;
            field.value =
                form.0.iter().find(|(n, ..)| *n == name).map(|(_, wanted, _)| wanted.clone()).unwrap_or_default();
        }
    }
    Ok(page(&admin, fields, "Not everything was saved: look at the fields marked below.".to_owned()))
}
