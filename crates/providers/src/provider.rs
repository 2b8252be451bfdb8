//! One provider behind one face: whichever interface a server of the registry speaks, whoever
//! works through a task asks the same questions (TK8).

use http::{HeaderMap, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::account::{Account, Begun, Job, Key, Unfit};
use crate::failure::{CallFailure, Class};
use crate::inline::Inline;
use crate::interface::Interface;
use crate::report::{Report, Wanted};
use crate::request::{InputLink, Server, Submission};
use crate::{
    ANSWER_BYTES, Allowed, Cost, INLINE_ANSWER_BYTES, Usage, address, answer, call, gemini, kling,
    openai, predict, request,
};

/// Of a `predict` server: JSON takes many times its size in memory while it is read.
const PREDICT_ANSWER_BYTES: usize = 12 * 1024 * 1024;

/// A provider, as its row in the registry has it.
#[derive(Clone, Copy, Debug)]
pub struct Provider<'a> {
    pub interface: Interface,
    pub url: &'a str,
    pub token: Option<&'a str>,
    /// The second half of a pair of keys.
    pub secret: Option<&'a str>,
    /// What is asked for, where there is a choice.
    pub model: Option<&'a str>,
}

/// What is asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    pub task_id: &'a str,
    pub attempt: u32,
    pub kind: &'a str,
    pub wanted: Wanted,
    pub prompt: &'a str,
    pub params: &'a Value,
    pub inputs: &'a [InputLink],
    /// The bytes of the inputs, where [`Interface::wants_inline`].
    pub inline: &'a [Inline<'a>],
    pub callback_url: &'a str,
    pub trace_id: Option<&'a str>,
}

/// What an answer cost, as the provider counts it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spent {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<Cost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Usage>,
}

impl Spent {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// An answer to a submission.
#[derive(Clone, Debug, PartialEq)]
pub struct Submitted {
    pub outcome: Result<Begun, CallFailure>,
    pub spent: Spent,
    /// It failed, and may have begun all the same: to be looked up.
    pub is_doubtful: bool,
}

impl Provider<'_> {
    /// The largest answer that is read to a submission.
    pub fn answer_bytes(&self, wanted: Wanted) -> usize {
        match (wanted, self.interface) {
            (Wanted::Text, _) | (_, Interface::Tasks | Interface::Kling) => ANSWER_BYTES,
            // Anybody's program, which may answer anything.
            (Wanted::Media, Interface::Predict) => PREDICT_ANSWER_BYTES,
            (Wanted::Media, Interface::Gemini | Interface::OpenAi) => INLINE_ANSWER_BYTES,
        }
    }

    /// # Errors
    /// Why this provider cannot do it; nothing is to be sent then.
    pub fn submit(&self, order: &Order, now_s: i64) -> Result<Request<Vec<u8>>, Unfit> {
        let key = order.key();
        let (job, account) = (order.job(&key), self.account()?);
        match self.interface {
            Interface::Tasks => Ok(request::submit_request(&order.submission(), self.server())?),
            Interface::Predict => Ok(predict::submit(&order.submission(), self.server())?),
            Interface::Kling if !is_one(&order.params["n"]) => Err(Unfit::Job(
                "a task makes one picture: leave `n` out, and submit several tasks".into(),
            )),
            Interface::Kling => kling::submit(&job, &account, now_s),
            Interface::Gemini => gemini::submit(&job, order.inline, &account),
            Interface::OpenAi => openai::submit(&job, order.inline, &account),
        }
    }

    /// Reads the answer to [`Self::submit`].
    pub fn read_submit(&self, order: &Order, response: &Response<Vec<u8>>) -> Submitted {
        let (status, headers) = (response.status(), response.headers());
        let body = response.body().as_slice();
        let mut spent = Spent::default();
        let mut is_doubtful = false;
        let outcome = match self.interface {
            Interface::Tasks => {
                let id = answer::parse_submit(status, headers, body);
                id.map(|external_id| Begun::Accepted { external_id })
            }
            Interface::Predict => predict::parse_submit(
                status,
                headers,
                body,
                order.wanted,
                order.task_id,
                self.server(),
            ),
            Interface::Kling => {
                let begun = self.kling_begun(order, status, headers, body);
                is_doubtful = begun.is_err() && kling::may_have_begun(status, body);
                begun
            }
            Interface::Gemini => {
                spent.tokens = gemini::usage(body);
                gemini::parse_submit(status, headers, body, order.wanted)
            }
            Interface::OpenAi => {
                spent.tokens = openai::usage(body);
                openai::parse_submit(status, headers, body, order.wanted)
            }
        };
        if matches!(self.interface, Interface::Gemini | Interface::OpenAi) {
            // Something on the way gave up: the service itself would say what went wrong.
            let is_told = || call::read::<Value>(body).is_ok_and(|told| told["error"].is_object());
            let gave_up = status == StatusCode::REQUEST_TIMEOUT || status.is_server_error();
            is_doubtful = outcome.is_err() && gave_up && !is_told();
        }
        let outcome = outcome.map_err(|failure| self.told_by_account(failure, status));
        Submitted {
            outcome,
            spent,
            is_doubtful,
        }
    }

    /// A failure as it may be shown and acted upon.
    fn told_by_account(&self, mut failure: CallFailure, status: StatusCode) -> CallFailure {
        // Some services repeat the key that they refuse.
        for key in [self.token, self.secret].into_iter().flatten() {
            failure.message = failure.message.replace(key, "…");
        }
        let is_too_many = status == StatusCode::TOO_MANY_REQUESTS;
        if is_too_many && self.interface.is_account() && failure.class == Class::Retryable {
            failure.class = Class::RateLimited;
        }
        failure
    }

    /// Several orders in one call, where [`Interface::takes_batches`].
    ///
    /// # Errors
    /// This provider takes one at a time.
    pub fn submit_batch(&self, orders: &[Order]) -> Result<Request<Vec<u8>>, Unfit> {
        if !self.interface.takes_batches() {
            return Err(Unfit::Job("the provider takes one task at a time".into()));
        }
        let submissions: Vec<Submission> = orders.iter().map(Order::submission).collect();
        Ok(predict::submit_batch(&submissions, self.server())?)
    }

    /// Reads the answer to [`Self::submit_batch`], one for each order.
    pub fn read_batch(&self, orders: &[Order], response: &Response<Vec<u8>>) -> Vec<Submitted> {
        let (status, headers) = (response.status(), response.headers());
        let tasks: Vec<(&str, Wanted)> = orders
            .iter()
            .map(|order| (order.task_id, order.wanted))
            .collect();
        let outcomes =
            predict::parse_batch(status, headers, response.body(), &tasks, self.server());
        let submitted = outcomes.into_iter().map(|outcome| Submitted {
            outcome,
            spent: Spent::default(),
            is_doubtful: false,
        });
        submitted.collect()
    }

    fn kling_begun(
        &self,
        order: &Order,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Begun, CallFailure> {
        let endpoint = self.kling_endpoint(order).map_err(unreadable)?;
        kling::parse_submit(endpoint, status, headers, body)
    }

    fn kling_endpoint(&self, order: &Order) -> Result<kling::Endpoint, Unfit> {
        let key = order.key();
        kling::Endpoint::of(&order.job(&key), &self.account()?)
    }

    /// Asks for an order by our own id; see [`AfterLostAnswer::LookUp`].
    ///
    /// # Errors
    /// This provider cannot be asked so.
    pub fn look_up(&self, order: &Order, now_s: i64) -> Result<Request<Vec<u8>>, Unfit> {
        match self.interface {
            Interface::Kling => {
                let endpoint = self.kling_endpoint(order)?;
                kling::lookup(endpoint, &order.key(), &self.account()?, now_s)
            }
            Interface::Tasks | Interface::Predict | Interface::Gemini | Interface::OpenAi => {
                Err(Unfit::Job("the provider cannot look a task up".into()))
            }
        }
    }

    /// The id to keep, or None if the provider never heard of the order.
    ///
    /// # Errors
    /// Any answer that leaves doubt.
    pub fn read_look_up(
        &self,
        order: &Order,
        response: &Response<Vec<u8>>,
    ) -> Result<Option<String>, CallFailure> {
        let endpoint = self.kling_endpoint(order).map_err(unreadable)?;
        let found = kling::parse_lookup(
            endpoint,
            &order.key(),
            response.status(),
            response.headers(),
            response.body(),
        )?;
        Ok(found.map(|(external_id, _)| external_id))
    }

    /// Asks how a task stands.
    ///
    /// # Errors
    /// The id is none of this provider's.
    pub fn poll(&self, external_id: &str, now_s: i64) -> Result<Request<Vec<u8>>, Unfit> {
        match self.interface {
            Interface::Tasks | Interface::Predict => {
                Ok(request::poll_request(external_id, self.server())?)
            }
            Interface::Kling => kling::poll(external_id, &self.account()?, now_s),
            Interface::Gemini => gemini::poll(external_id, &self.account()?),
            Interface::OpenAi => Err(Unfit::Job("the provider's tasks have no ids".into())),
        }
    }

    /// Reads the answer to [`Self::poll`].
    ///
    /// # Errors
    /// What was wrong with the answer, which says nothing of the task.
    pub fn read_poll(
        &self,
        external_id: &str,
        wanted: Wanted,
        response: &Response<Vec<u8>>,
    ) -> Result<(Report, Spent), CallFailure> {
        let (status, headers) = (response.status(), response.headers());
        let body = response.body().as_slice();
        let plain = |report| (report, Spent::default());
        match self.interface {
            Interface::Tasks | Interface::Predict => {
                let report = answer::parse_progress(status, headers, body, wanted);
                match (report, status) {
                    (Err(lost), StatusCode::NOT_FOUND | StatusCode::GONE) => {
                        Ok(plain(Report::Failed(lost)))
                    }
                    (report, _) => report.map(plain),
                }
            }
            Interface::Kling => kling::parse_poll(external_id, status, headers, body)
                .map(|told| told.into_report_and_spent()),
            Interface::Gemini => {
                let account = self.account().map_err(unreadable)?;
                gemini::parse_poll(status, headers, body, &account).map(plain)
            }
            Interface::OpenAi => Err(CallFailure::nonsense("an answer to a poll")),
        }
    }

    /// Asks to give a task up, where that can be asked.
    pub fn cancel(&self, external_id: &str) -> Option<Request<Vec<u8>>> {
        match self.interface {
            Interface::Tasks | Interface::Predict => {
                request::cancel_request(external_id, self.server()).ok()
            }
            Interface::Kling | Interface::Gemini | Interface::OpenAi => None,
        }
    }

    /// Fetches a result. Keys go to the provider's own host alone, and calls only where the
    /// deployment allows them (RG5).
    ///
    /// # Errors
    /// The address leads where nothing may be fetched from.
    pub fn download(&self, url: &str, allowed: &Allowed) -> Result<Request<Vec<u8>>, Unfit> {
        match self.interface {
            Interface::Tasks | Interface::Predict => {
                let url = address::result_url(self.url, url)?;
                let server = self.server();
                let mut request = Request::builder().uri(url);
                if let Some(token) = server.token {
                    let value = format!("Bearer {token}");
                    request = request.header(http::header::AUTHORIZATION, value);
                }
                request
                    .body(Vec::new())
                    .map_err(|error| Unfit::Job(error.to_string()))
            }
            Interface::Gemini => gemini::download(url, &self.account()?),
            Interface::Kling | Interface::OpenAi => {
                let url = address::parse(url)?;
                allowed.check(&url)?;
                Request::builder()
                    .uri(url.as_str())
                    .body(Vec::new())
                    .map_err(|error| Unfit::Job(error.to_string()))
            }
        }
    }

    fn server(&self) -> Server<'_> {
        Server {
            url: self.url,
            token: self.token,
        }
    }

    fn account(&self) -> Result<Account<'_>, Unfit> {
        let key = match (self.token, self.secret) {
            (Some(access), Some(secret)) => Key::Pair { access, secret },
            (token, None) => Key::Plain(token.unwrap_or_default()),
            (None, Some(_)) => {
                return Err(Unfit::Job("a secret key without its access key".into()));
            }
        };
        Ok(Account {
            url: self.url,
            model: self.model.unwrap_or_default(),
            key,
        })
    }
}

impl Order<'_> {
    /// `<task>.<attempt>`: the same for every repetition of an attempt.
    fn key(&self) -> String {
        format!("{}.{}", self.task_id, self.attempt)
    }

    fn job<'a>(&'a self, key: &'a str) -> Job<'a> {
        Job {
            key,
            kind: self.kind,
            prompt: self.prompt,
            params: self.params,
            inputs: self.inputs,
            callback_url: Some(self.callback_url),
        }
    }

    fn submission(&self) -> Submission<'_> {
        Submission {
            task_id: self.task_id,
            attempt: self.attempt,
            kind: self.kind,
            prompt: self.prompt,
            params: self.params,
            inputs: self.inputs,
            callback_url: self.callback_url,
            trace_id: self.trace_id,
        }
    }
}

/// Nothing, or one in whatever way it is written.
fn is_one(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_f64() == Some(1.0),
        Value::String(text) => text.trim() == "1",
        _ => false,
    }
}

/// What could be asked can be read; anything else is a fault of ours.
fn unreadable(unfit: Unfit) -> CallFailure {
    call::failed(Class::Terminal, &unfit.to_string(), None)
}
