//! The node processor (TK1): looks at a room's document, inserts the tasks that its nodes ask for
//! and writes what it decided, in one transaction.
//!
//! Every pass looks at all nodes; only those whose status says that they may need work are read
//! whole.

use std::collections::HashMap;

use canvas::inputs::{Input, media_json};
use canvas::{Kind, NodeView, Status, Step, TaskState, write};
use loro::{LoroDoc, LoroError, LoroValue};
use store::rooms::{self as log, NewTask};
use store::{Database, or_rollback};

use crate::edit::{ACTOR, Locked, lock};
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// Passes of one call. Each takes [`canvas::plan::STEPS`] steps; the tick goes on with what is left.
const PASSES: usize = 16;

/// Whether a pass that finds nothing to do is noted in the room's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Only with changes: a wake after every burst of edits should not cost a commit of its own.
    /// The tick notes what is left.
    Changes,
    Always,
}

/// What the processor did in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processed {
    pub head_seq: i64,
    /// How many tasks were inserted.
    pub tasks: usize,
    /// True when the document was changed.
    pub changed: bool,
}

/// Processes a room until it has nothing to do. `None` when there is no such project.
pub async fn process(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    note: Note,
) -> Result<Option<Processed>, RoomsError> {
    let mut processed = Processed::default();
    for _ in 0..PASSES {
        let pass = pass(database, warm, environment, room, note).await;
        let Some(pass) = or_rollback(database, pass).await? else {
            return Ok(None);
        };
        processed.head_seq = pass.processed.head_seq;
        processed.tasks += pass.processed.tasks;
        processed.changed |= pass.processed.changed;
        if pass.is_complete {
            break;
        }
    }
    Ok(Some(processed))
}

struct Pass {
    processed: Processed,
    is_complete: bool,
}

async fn pass(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    note: Note,
) -> Result<Option<Pass>, RoomsError> {
    let Some(head) = log::head(database, room).await? else {
        return Ok(None);
    };
    let idle = |head_seq| Pass {
        processed: Processed {
            head_seq,
            tasks: 0,
            changed: false,
        },
        is_complete: true,
    };
    if head.processed_seq >= head.head_seq {
        return Ok(Some(idle(head.head_seq)));
    }
    // Usually there is nothing to do: find that out without the write lock.
    let mut open = crate::load::open(database, warm, environment, &head).await?;
    let plan = open.room.plan()?;
    let seq = open.room.seq;
    open.keep();
    if plan.steps.is_empty() {
        if note == Note::Always {
            log::mark_processed(database, room, seq).await?;
        }
        return Ok(Some(idle(seq)));
    }
    let Some(mut locked) = lock(database, warm, environment, room).await? else {
        return Ok(None);
    };
    let plan = if locked.head.head_seq == seq {
        plan
    } else {
        locked.open.room.plan()?
    };
    let now_ms = environment.now_ms();
    let tasks = Tasks::insert(&locked, environment, &plan.steps, now_ms).await?;
    let update = locked.open.room.edit(|document| {
        plan.steps
            .iter()
            .try_for_each(|(node, step)| tasks.write(document, node, step, now_ms))
    })?;
    let changed = update.is_some();
    if let Some(update) = update {
        locked.append(update, now_ms).await?;
    }
    if plan.is_complete {
        log::mark_processed(&locked.transaction, room, locked.head.head_seq).await?;
    }
    let head_seq = locked.commit().await?;
    let processed = Processed {
        head_seq,
        tasks: tasks.inserted,
        changed,
    };
    Ok(Some(Pass {
        processed,
        is_complete: plan.is_complete,
    }))
}

/// The tasks of a plan, by node and kind.
struct Tasks {
    by_node: HashMap<(String, Kind), Task>,
    cancelled: Vec<String>,
    inserted: usize,
}

struct Task {
    id: String,
    /// False for a live task that was there before.
    is_new: bool,
}

impl Tasks {
    /// Inserts and cancels what the steps ask for. A node that already has a live task of the kind
    /// (its `pendingTask` was lost to an undo, say) gets that one.
    async fn insert<D: Database>(
        locked: &Locked<'_, '_, D>,
        environment: &impl Environment,
        steps: &[(NodeView, Step)],
        now_ms: i64,
    ) -> Result<Self, RoomsError> {
        let (room, transaction) = (&locked.head.room, &locked.transaction);
        let mut wanted: Vec<(NewTask, Kind)> = Vec::new();
        let mut cancelled: Vec<&str> = Vec::new();
        for (node, step) in steps {
            match step {
                Step::Generate {
                    kind,
                    prompt,
                    inputs,
                } => {
                    wanted.push((new_task(environment, node, *kind, prompt, inputs), *kind));
                }
                Step::Describe { kind, inputs } => {
                    wanted.push((new_task(environment, node, *kind, "", inputs), *kind));
                }
                Step::Cancel { task } => cancelled.push(task),
                Step::Nothing | Step::Fail { .. } | Step::Finish => {}
            }
        }
        let mut tasks = Self {
            by_node: HashMap::new(),
            cancelled: Vec::new(),
            inserted: 0,
        };
        if !cancelled.is_empty() {
            tasks.cancelled = log::cancel_tasks(transaction, room, &cancelled, now_ms).await?;
        }
        if wanted.is_empty() {
            return Ok(tasks);
        }
        let rows: Vec<NewTask> = wanted.iter().map(|(task, _)| task.clone()).collect();
        let tenant = &locked.head.tenant;
        let inserted = log::insert_tasks(transaction, room, tenant, &rows, ACTOR, now_ms).await?;
        tasks.inserted = inserted.len();
        if inserted.len() < wanted.len() {
            let nodes: Vec<&str> = rows.iter().map(|task| task.node.as_str()).collect();
            for live in log::live_tasks(transaction, room, &nodes).await? {
                if let Some(kind) = Kind::parse(&live.kind) {
                    let task = Task {
                        id: live.id,
                        is_new: false,
                    };
                    tasks.by_node.insert((live.node, kind), task);
                }
            }
        }
        for (task, kind) in wanted {
            if inserted.contains(&task.id) {
                let new = Task {
                    id: task.id,
                    is_new: true,
                };
                tasks.by_node.insert((task.node, kind), new);
            }
        }
        Ok(tasks)
    }

    /// Writes one step into the document.
    fn write(
        &self,
        document: &LoroDoc,
        node: &NodeView,
        step: &Step,
        now_ms: i64,
    ) -> Result<(), LoroError> {
        let set =
            |fields: &[(&str, LoroValue)]| write::set_node(document, &node.id, fields).map(drop);
        match step {
            Step::Nothing => Ok(()),
            Step::Generate { kind, .. } => {
                let Some(id) = self.announce(document, node, *kind)? else {
                    return Ok(());
                };
                set(&[
                    ("pendingTask", id.into()),
                    ("status", Status::Generating.as_str().into()),
                    ("error", LoroValue::Null),
                ])
            }
            Step::Describe { kind, .. } => {
                let Some(id) = self.announce(document, node, *kind)? else {
                    return Ok(());
                };
                set(&[("pendingTask", id.into())])
            }
            Step::Fail { error } => set(&[
                ("status", Status::Failed.as_str().into()),
                ("error", error.as_str().into()),
            ]),
            Step::Finish => set(&[("status", Status::Fin.as_str().into())]),
            Step::Cancel { task } => {
                if self.cancelled.contains(task) {
                    write::set_task(
                        document,
                        task,
                        &[
                            ("state", TaskState::Cancelled.as_str().into()),
                            ("endedAt", (now_ms as f64).into()),
                        ],
                    )?;
                }
                set(&[("pendingTask", LoroValue::Null)])
            }
        }
    }

    /// Shows the task of a node in `tasks`, and returns its id.
    fn announce(
        &self,
        document: &LoroDoc,
        node: &NodeView,
        kind: Kind,
    ) -> Result<Option<&str>, LoroError> {
        let Some(task) = self.by_node.get(&(node.id.clone(), kind)) else {
            return Ok(None);
        };
        if task.is_new {
            write::set_task(
                document,
                &task.id,
                &[
                    ("node", node.id.as_str().into()),
                    ("kind", kind.as_str().into()),
                    ("state", TaskState::Waiting.as_str().into()),
                ],
            )?;
        }
        Ok(Some(&task.id))
    }
}

fn new_task(
    environment: &impl Environment,
    node: &NodeView,
    kind: Kind,
    prompt: &str,
    inputs: &[Input],
) -> NewTask {
    NewTask {
        id: environment.new_task_id(),
        node: node.id.clone(),
        kind: kind.as_str().to_owned(),
        prompt: prompt.to_owned(),
        params: serde_json::Value::Object(node.params.clone()).to_string(),
        inputs: media_json(inputs),
    }
}
