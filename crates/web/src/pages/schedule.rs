//! The syncs that run by themselves: paused, and resumed.

use axum::response::{IntoResponse as _, Redirect, Response};

use crate::doors::{Change, Fields, Form};
use crate::problem::Problem;

/// Whether they are to rest. Pressed twice, or by two people, it is what the button said.
pub struct Rest(bool);

impl Form for Rest {
    fn read(fields: &Fields) -> Self {
        Self(fields.text("schedule") == "pause")
    }
}

/// Pauses or resumes them. A sync that is at work goes on, and one can be started by hand.
pub async fn change(change: Change<Rest>) -> Result<Response, Problem> {
    let Change { admin, form } = change;
    admin.app.store().pause_schedule(&admin.who.tenant, &admin.who.user, form.0).await?;
    Ok(Redirect::to("/settings/connectors/microsoft-365").into_response())
}
