//! Why there is nothing to see, and what fills it.

use m365_model::RunStatus;

use super::chosen::Chosen;
use crate::doors::Viewer;
use crate::pages::setup::{Setup, Step};
use crate::problem::Problem;

/// A list without a line.
pub struct Empty {
    /// Why.
    pub title: &'static str,
    /// What fills it.
    pub remedy: &'static str,
    /// Where that is done, for those who may.
    pub link: Option<(&'static str, &'static str)>,
}

const CONNECTOR: &str = "/settings/connectors/microsoft-365";

impl Empty {
    /// Why `viewer` sees nothing of what is `chosen`.
    pub async fn of(viewer: &Viewer, chosen: &Chosen) -> Result<Self, Problem> {
        let setup = Setup::of(&viewer.app, &viewer.who.tenant).await?;
        let may = viewer.who.is_admin;
        let set_up = may.then_some((CONNECTOR, "Go on with the set-up"));
        let is_running = setup.last_run.as_ref().is_some_and(|run| run.status == RunStatus::Running);
        Ok(if chosen.is_any() {
            Self {
                title: "No record matches",
                remedy: "Choose more days, another kind or another domain.",
                link: Some(("/activities", "Show all")),
            }
        } else {
            match setup.step {
                Step::Register | Step::Connect => Self {
                    title: "Nothing is connected yet",
                    remedy: "An administrator connects Microsoft 365. Meetings and mails with people at the domains on your list \
                             appear here after the first sync.",
                    link: set_up,
                },
                Step::Agreement => Self {
                    title: "Nothing is being read",
                    remedy: "The data processing agreement has not been accepted, or was withdrawn. Records appear here after an \
                             administrator accepts it and a sync has run.",
                    link: set_up,
                },
                Step::People => Self {
                    title: "The list of domains is empty",
                    remedy: "Nobody is let in before an administrator names domains. Their people’s meetings and mails appear here \
                             after the next sync.",
                    link: may.then_some(("/settings/connectors/microsoft-365/domains", "Name domains")),
                },
                Step::Start => Self {
                    title: "Nothing has been read yet",
                    remedy: "An administrator starts the first sync. Records appear here while it runs.",
                    link: set_up,
                },
                Step::Done if is_running => Self {
                    title: "A sync is at work",
                    remedy: "Records appear here as soon as it meets somebody at one of your domains. Open this page again in a \
                             moment.",
                    link: may.then_some((CONNECTOR, "Watch the sync")),
                },
                Step::Done => Self {
                    title: "Nobody was met yet",
                    remedy: "The syncs so far found no meeting and no mail with anybody at your domains. Each says what it left out \
                             and why.",
                    link: may.then_some(("/settings/connectors/microsoft-365/runs", "Look at the syncs")),
                },
            }
        })
    }
}
