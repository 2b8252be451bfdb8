//! What is asked of a provider: a task's row with its inputs as links or bytes.

use dispatch::Failure;
use providers::{INLINE_BYTES, Inline, InputLink, Interface, Order, Provider, Wanted};
use serde_json::Value;
use store::Database;
use store::servers::ServerRow;
use store::tasks::TaskRow;

use crate::follow::wanted;
use crate::submit::attempt_of;
use crate::{Error, NoAnswer, Pipeline, World};

/// Whoever works on a task: a server of the registry, or the fallback provider.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub server: Option<ServerRow>,
    url: String,
    model: Option<String>,
    interface: Interface,
}

impl Worker {
    pub fn of(server: ServerRow, row: &TaskRow) -> Self {
        Self {
            url: server.url.clone(),
            model: row.model.clone(),
            // What this program does not know is refused by its address or its answers.
            interface: Interface::parse(&server.interface).unwrap_or(Interface::Tasks),
            server: Some(server),
        }
    }

    pub fn fallback(url: &str) -> Self {
        Self {
            server: None,
            url: url.to_owned(),
            model: None,
            interface: Interface::Tasks,
        }
    }

    pub fn name(&self) -> Option<&str> {
        self.server.as_ref().map(|server| server.name.as_str())
    }

    pub fn provider(&self) -> Provider<'_> {
        let server = self.server.as_ref();
        Provider {
            interface: self.interface,
            url: &self.url,
            token: server.and_then(|server| server.token.as_deref()),
            secret: server.and_then(|server| server.secret.as_deref()),
            model: self.model.as_deref(),
        }
    }

    /// Tasks that go out in one call.
    pub fn batch(&self) -> usize {
        let server = self.server.as_ref();
        let batch = server.map_or(1, |server| server.batch);
        match self.interface.takes_batches() {
            true => usize::try_from(batch).unwrap_or(1).max(1),
            false => 1,
        }
    }

    /// The deployment would rather pay twice than miss a result.
    pub fn repeats_lost(&self) -> bool {
        let server = self.server.as_ref();
        server.is_some_and(|server| server.on_lost_answer == "repeat")
    }
}

/// An order with everything that it borrows.
pub(crate) struct Prepared {
    task_id: String,
    attempt: u32,
    kind: String,
    wanted: Wanted,
    prompt: String,
    params: Value,
    inputs: Vec<InputLink>,
    bytes: Vec<(String, Vec<u8>)>,
    callback_url: String,
    trace_id: Option<String>,
}

impl Prepared {
    /// The order without the bytes of its inputs, for providers that fetch them.
    pub fn linked(&self) -> Order<'_> {
        self.order(&[])
    }

    /// Gives the order to `work`; the bytes of its inputs are borrowed.
    pub fn with<T>(&self, work: impl FnOnce(&Order) -> T) -> T {
        let inline: Vec<Inline> = self
            .bytes
            .iter()
            .map(|(media_type, bytes)| Inline { media_type, bytes })
            .collect();
        work(&self.order(&inline))
    }

    /// What is only needed to ask.
    pub fn forget_bytes(&mut self) {
        self.bytes = Vec::new();
    }

    fn order<'a>(&'a self, inline: &'a [Inline<'a>]) -> Order<'a> {
        Order {
            task_id: &self.task_id,
            attempt: self.attempt,
            kind: &self.kind,
            wanted: self.wanted,
            prompt: &self.prompt,
            params: &self.params,
            inputs: &self.inputs,
            inline,
            callback_url: &self.callback_url,
            trace_id: self.trace_id.as_deref(),
        }
    }
}

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Whoever works on a task; `None` when it is not registered any more.
    pub(crate) async fn worker_of(&self, row: &TaskRow) -> Result<Option<Worker>, Error> {
        Ok(match &row.server_id {
            Some(id) => store::servers::find(self.database, id)
                .await?
                .map(|server| Worker::of(server, row)),
            None => self.settings.fallback_url.as_deref().map(Worker::fallback),
        })
    }

    /// The order of a task's current attempt, or why there can be none.
    pub(crate) async fn prepare(
        &self,
        row: &TaskRow,
        worker: &Worker,
    ) -> Result<Result<Prepared, Failure>, Error> {
        let (mut inputs, mut bytes) = (Vec::new(), Vec::new());
        for input in row.inputs()? {
            let link = match (input.asset, input.url) {
                (Some(id), _) => {
                    let found = store::assets::find(self.database, &row.project_id, &id).await?;
                    let Some(asset) = found else {
                        return Ok(Err(Failure::terminal(format!(
                            "the input {id} is not an asset of this project"
                        ))));
                    };
                    if worker.interface.wants_inline() {
                        if asset.size > INLINE_BYTES as i64 {
                            return Ok(Err(Failure::terminal(format!(
                                "the input {id} has {} bytes, and this provider takes {INLINE_BYTES}",
                                asset.size
                            ))));
                        }
                        match self.world.asset(&row.project_id, &id).await {
                            Ok(file) => bytes.push((asset.media_type.clone(), file)),
                            Err(error) => return Ok(Err(unread(&id, &error))),
                        }
                    }
                    InputLink {
                        role: input.role,
                        url: self.world.asset_link(&row.project_id, &id),
                        media_type: Some(asset.media_type),
                    }
                }
                (None, Some(_)) if worker.interface.wants_inline() => {
                    return Ok(Err(Failure::terminal(
                        "this provider takes assets of the project as inputs, not addresses",
                    )));
                }
                (None, Some(url)) => InputLink {
                    role: input.role,
                    url,
                    media_type: input.media_type,
                },
                (None, None) => {
                    return Ok(Err(Failure::terminal("an input has neither asset nor url")));
                }
            };
            inputs.push(link);
        }
        let attempt = attempt_of(row)?;
        // The attempt makes a late callback of an earlier attempt recognisable.
        let callback_url = match worker.interface {
            Interface::Kling => {
                let name = worker.interface.as_str();
                self.world.webhook_url(name, &row.id, attempt)
            }
            Interface::Tasks | Interface::Predict | Interface::Gemini | Interface::OpenAi => {
                let base = &self.settings.worker_public_url;
                format!("{base}/api/task/{}?attempt={attempt}", row.id)
            }
        };
        Ok(Ok(Prepared {
            task_id: row.id.clone(),
            attempt,
            kind: row.kind.clone(),
            wanted: wanted(row)?,
            prompt: row.prompt.clone(),
            params: serde_json::from_str(&row.params)
                .unwrap_or_else(|_| Value::Object(Default::default())),
            inputs,
            bytes,
            callback_url,
            trace_id: row.trace_id.clone(),
        }))
    }
}

fn unread(id: &str, error: &NoAnswer) -> Failure {
    Failure::retryable(format!("the input {id} could not be read: {error}"))
}
