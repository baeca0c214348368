//! How far the set-up has come, and the rail that shows it.

use m365_database::{AgreementState, agreement_state};
use m365_model::{RunStatus, TenantId};
use m365_store::StoreError;
use m365_store::allow_list::AllowList;
use m365_store::config::Connector;
use m365_store::runs::StoredRun;

use crate::app::App;
use crate::problem::Problem;

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The application is registered at Microsoft.
    Register,
    /// The company's administrator consented.
    Connect,
    /// The agreement stands.
    Agreement,
    /// Mailboxes and domains are named.
    People,
    /// The first sync was started.
    Start,
    /// Everything is set up.
    Done,
}

/// One step on the rail.
pub struct RailStep {
    /// What it is called.
    pub name: &'static str,
    /// What stands there, once it is done.
    pub said: String,
    /// Where it is done, if it can be by now.
    pub link: Option<&'static str>,
    /// `done`, `now` or nothing.
    pub class: &'static str,
}

/// Everything that pages ask of a connector's state.
pub struct Setup {
    /// The connection.
    pub connector: Option<Connector>,
    /// The agreement.
    pub agreement: AgreementState,
    /// The list, once something is connected.
    pub list: Option<AllowList>,
    /// The last run.
    pub last_run: Option<StoredRun>,
    /// The step to take next.
    pub step: Step,
}

impl Setup {
    /// Looks at what is stored.
    pub async fn of(app: &App, tenant: &TenantId) -> Result<Self, Problem> {
        let store = app.store();
        let agreement = agreement_state(tenant, store.database()).await?;
        let connector = match store.connector(tenant).await {
            Ok(connector) => Some(connector).filter(|connector| connector.disconnected_at.is_none()),
            Err(StoreError::NotConnected) => None,
            Err(error) => return Err(error.into()),
        };
        let (list, last_run) = match &connector {
            Some(_) => (Some(store.allow_list(tenant).await?), store.last_run(tenant).await?),
            None => (None, None),
        };
        let has_read = last_run.as_ref().is_some_and(|run| run.status != RunStatus::Blocked);
        let step = if app.options.runner.is_none() {
            Step::Register
        } else if connector.is_none() {
            Step::Connect
        } else if !matches!(agreement, AgreementState::Standing(_)) {
            Step::Agreement
        } else if list.as_ref().is_none_or(|list| list.entries.is_empty()) {
            Step::People
        } else if !has_read {
            Step::Start
        } else {
            Step::Done
        };
        Ok(Self { connector, agreement, list, last_run, step })
    }

    /// The rail.
    pub fn rail(&self) -> Vec<RailStep> {
        let domain = self.connector.as_ref().map(|c| c.tenant_domain.as_str().to_owned()).unwrap_or_default();
        let version = match &self.agreement {
            AgreementState::Standing(acceptance) => format!("version {}", acceptance.version),
            _ => String::new(),
        };
        let domains = self.list.as_ref().map_or(0, |list| list.entries.len());
        let domains = if domains == 1 { "1 domain".to_owned() } else { format!("{domains} domains") };
        let steps = [
            (Step::Register, "Register", "application known".to_owned(), "/settings/connectors/microsoft-365/register"),
            (Step::Connect, "Connect", domain, "/settings/connectors/microsoft-365/connect"),
            (Step::Agreement, "Agreement", version, "/settings/connectors/microsoft-365/agreement"),
            (Step::People, "Who, with whom", domains, "/settings/connectors/microsoft-365/domains"),
            (Step::Start, "Start", "begun".to_owned(), "/settings/connectors/microsoft-365"),
            (Step::Done, "Done", String::new(), "/settings/connectors/microsoft-365"),
        ];
        let of = |(step, name, said, link): (Step, &'static str, String, &'static str)| {
            let class = match step.cmp(&self.step) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal => "now",
                std::cmp::Ordering::Greater => "",
            };
            let is_done = class == "done";
            RailStep {
                name,
                said: if is_done { said } else { String::new() },
                link: (!class.is_empty()).then_some(link),
                class,
            }
        };
        steps.into_iter().map(of).collect()
    }
}
