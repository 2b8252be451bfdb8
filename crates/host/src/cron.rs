//! Components that run by the clock: a fresh instance for each tick, no catching up with ticks
//! that were missed, no care for whether the one before has ended.

use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cron::Schedule;
use wasmtime::component::{ComponentType, InstancePre, Lift, Lower};
use wasmtime::{Engine, bail};

use crate::guest::{ComponentContext, GuestState};

/// The function that a scheduled component exports.
const EXPORT: &str = "handle-cron-event";

/// A component and its times.
pub(crate) struct Job {
    pub context: Arc<ComponentContext>,
    pub pre: InstancePre<GuestState>,
    pub schedule: Schedule,
}

/// About one tick, as `spin:cron` describes it.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
struct Metadata {
    timestamp: u64,
}

/// The component's own words about a failure.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(variant)]
enum Failure {
    #[component(name = "other")]
    Other(String),
}

/// Reads a cron expression: six or seven fields, seconds first.
pub(crate) fn schedule(expression: &str) -> Result<Schedule, String> {
    Schedule::from_str(expression).map_err(|error| {
        // The library shows the place in lines of its own; its last line says what is wrong.
        let error = error.to_string();
        let error = error.lines().last().unwrap_or_default().trim_end_matches('.');
        format!(
            "\"{expression}\" is no schedule ({error}); write seconds, minutes, hours, day of month, month, day of week, and a year if need be, for example \"*/5 * * * * *\" for every five seconds"
        )
    })
}

/// Whether the component has the export that a schedule calls.
pub(crate) fn check(pre: &InstancePre<GuestState>) -> Result<(), String> {
    if pre.component().get_export_index(None, EXPORT).is_some() {
        Ok(())
    } else {
        Err(format!(
            "it has a cron trigger, but does not export `{EXPORT}`, as `spin:cron@3.0.0` and `fermyon:spin-cron@2.0.0` describe it"
        ))
    }
}

impl Job {
    /// Runs for ever, starting each tick when it is due.
    pub(crate) async fn run(self: Arc<Self>, engine: Engine, timeout: Option<std::time::Duration>) {
        while let Some(due) = self.schedule.upcoming(Utc).next() {
            sleep_until(due).await;
            let (job, engine) = (Arc::clone(&self), engine.clone());
            tokio::spawn(async move {
                let tick = job.tick(&engine, due.timestamp().try_into().unwrap_or(0));
                let result = match timeout {
                    Some(timeout) => tokio::time::timeout(timeout, tick).await,
                    None => Ok(tick.await),
                };
                match result {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::error!(
                            "component `{}`: a tick failed: {error:#}",
                            job.context.grants.id
                        )
                    }
                    Err(_) => tracing::error!(
                        "component `{}`: a tick took too long and was stopped",
                        job.context.grants.id
                    ),
                }
            });
        }
    }

    async fn tick(&self, engine: &Engine, timestamp: u64) -> wasmtime::Result<()> {
        let mut store = GuestState::new_store(engine, &self.context)?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let handler =
            instance.get_typed_func::<(Metadata,), (Result<(), Failure>,)>(&mut store, EXPORT)?;
        let (result,) = store
            .run_concurrent(async |accessor| {
                handler
                    .call_concurrent(accessor, (Metadata { timestamp },))
                    .await
            })
            .await??;
        if let Err(Failure::Other(reason)) = result {
            bail!("{reason}");
        }
        Ok(())
    }
}

/// Sleeps by the wall clock: a clock that is set is noticed within the second.
async fn sleep_until(due: DateTime<Utc>) {
    const LONGEST: std::time::Duration = std::time::Duration::from_secs(1);
    while let Ok(left) = (due - Utc::now()).to_std() {
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LONGEST)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op3_cron_expressions_have_seconds_first() {
        for expression in ["0/5 * * * * * *", "*/5 * * * * *", "0 30 9 * * Mon-Fri *"] {
            assert!(schedule(expression).is_ok(), "{expression}");
        }
        for expression in ["", "* * * * *", "61 * * * * * *", "often"] {
            let message = schedule(expression).expect_err(expression);
            assert!(message.contains("seconds, minutes"), "{message}");
        }
    }
}
