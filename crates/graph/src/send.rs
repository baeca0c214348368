//! One request until there is an answer to believe.

use std::sync::Arc;
use std::time::Duration;

use m365_model::Surroundings;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue};
use tokio::time::Instant;
use tracing::debug;

use crate::ask::Ask;
use crate::error::GraphError;
use crate::limits::{Gates, MailboxGate};
use crate::page::Unparsed;
use crate::token::{Held, Tokens};
use crate::traffic::{self, Answer};
use crate::transport::{self, Broken};
use crate::usage::Counters;
use crate::{Limits, retry};

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Sends requests to Graph: one at a place, with a token, again when that may help.
pub(crate) struct Sender {
    pub(crate) http: reqwest::Client,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) gates: Gates,
    pub(crate) limits: Limits,
    pub(crate) counters: Arc<Counters>,
    pub(crate) surroundings: Surroundings,
}

/// How one attempt ended.
enum Attempt<T> {
    Done(T),
    /// Graph did not take this token.
    TokenRefused(Arc<Held>, GraphError),
    /// Another attempt may do better; not before this time, if one was named.
    Passing(GraphError, Option<Duration>),
}

impl Sender {
    /// Asks, and reads the answer with `parse`. A token that is refused is replaced once and the same URL asked again;
    /// throttling, a broken connection and a passing trouble of the service are waited out, so many times.
    pub(crate) async fn get<T>(
        &self,
        ask: &Ask,
        parse: impl Fn(&[u8]) -> Result<T, Unparsed> + Send + Sync,
    ) -> Result<T, GraphError> {
        let gate = ask.mailbox.as_ref().map(|mailbox| self.gates.of(mailbox));
        let mut refused: Option<Arc<Held>> = None;
        let mut attempt = 1;
        loop {
            match self.attempt(ask, gate.as_deref(), refused.as_ref(), &parse).await? {
                Attempt::Done(answer) => return Ok(answer),
                Attempt::TokenRefused(_, error) if refused.is_some() => return Err(error),
                Attempt::TokenRefused(token, _) => refused = Some(token),
                Attempt::Passing(error, _) if attempt >= self.limits.attempts => return Err(error),
                Attempt::Passing(error, asked) => {
                    self.wait(gate.as_deref(), attempt, &error, asked).await;
                    attempt += 1;
                }
            }
        }
    }

    /// The place is held while the request is out and its answer is read, not while a repetition is waited for.
    async fn attempt<T>(
        &self,
        ask: &Ask,
        gate: Option<&MailboxGate>,
        refused: Option<&Arc<Held>>,
        parse: &(impl Fn(&[u8]) -> Result<T, Unparsed> + Send + Sync),
    ) -> Result<Attempt<T>, GraphError> {
        let passage = self.gates.pass(gate).await;
        let token = match refused {
            Some(refused) => self.tokens.instead_of(refused).await?,
            None => self.tokens.current().await?,
        };
        self.counters.request();
        let mut request = self.http.get(ask.url.clone()).header(AUTHORIZATION, token.header().clone());
        request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(prefer) = &ask.prefer {
            request = request.header(PREFER, prefer.clone());
        }
        let sent_at = Instant::now();
        let Ok(answer) = request.send().await else {
            traffic::answered(Answer::None, sent_at.elapsed());
            return Ok(Attempt::Passing(GraphError::Unreachable, None));
        };

        let status = answer.status().as_u16();
        let asked = retry::retry_after(answer.headers(), self.surroundings.clock.now());
        let body = transport::read(answer, self.limits.longest_answer).await;
        let broke_off = matches!(body, Err(Broken::Off));
        traffic::answered(if broke_off { Answer::None } else { Answer::of(status, asked) }, sent_at.elapsed());
        let body = match body {
            Ok(body) => body,
            // What an error says matters less than that it is one.
            Err(_) if status >= 400 => Vec::new(),
            Err(Broken::TooLong) => return Err(GraphError::TooLong),
            Err(Broken::Off) => return Ok(Attempt::Passing(GraphError::Unreachable, None)),
        };
        if retry::is_throttling(status, asked) {
            self.counters.throttled();
            passage.was_too_much();
        } else {
            passage.was_quiet();
        }
        drop(passage);

        if (200..300).contains(&status) {
            return match parse(&body) {
                Ok(read) => Ok(Attempt::Done(read)),
                Err(Unparsed::Cut) => Ok(Attempt::Passing(GraphError::Unreadable, None)),
                Err(Unparsed::Wrong(error)) => Err(error),
            };
        }
        let error = GraphError::from_answer(status, &body, ask.followed);
        if status == 401 {
            debug!(code = %error.code(), "Graph did not take the token");
            return Ok(Attempt::TokenRefused(token, error));
        }
        if retry::may_pass(status) { Ok(Attempt::Passing(error, asked)) } else { Err(error) }
    }

    /// Waits before the next attempt. When Graph named a time, nobody else asks this mailbox anything before it either.
    async fn wait(&self, gate: Option<&MailboxGate>, attempt: u32, error: &GraphError, asked: Option<Duration>) {
        let wait = retry::wait(&self.limits, attempt, asked, &*self.surroundings.entropy);
        if let (Some(gate), Some(asked)) = (gate, asked) {
            gate.close_until(Instant::now() + asked.min(self.limits.longest_wait));
        }
        debug!(attempt, code = %error.code(), status = error.status(), wait_ms = wait.as_millis(), "asked again later");
        self.counters.retry(wait).await;
    }
}
