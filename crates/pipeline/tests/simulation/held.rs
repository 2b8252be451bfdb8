//! TK12: whoever waits for an answer that takes minutes holds the task, so that nobody else begins
//! it; when the holder is gone, somebody goes on with the same key, or nobody does.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::executor::block_on;
use pipeline::Pipeline;
use store::Database;
use store::servers::{Model, NewServer};
use store::tasks::TaskRow;

use crate::accounts::{GEMINI, PREDICT};
use crate::platform::Platform;
use crate::sim::{Sim, wake_yielded};
use crate::ticks::drive;

fn servers(interface: &str, port: u16) -> Vec<NewServer> {
    vec![NewServer {
        id: "s_0".into(),
        url: format!("http://127.0.0.1:{port}"),
        interface: interface.into(),
        kinds: vec!["image_gen".into()],
        models: vec![Model {
            name: "m".into(),
            slots: None,
        }],
        token: Some("key".into()),
        ..NewServer::default()
    }]
}

/// A call on its way, and whoever else is at work meanwhile.
struct Scene<'p, 's> {
    sim: &'s Sim,
    platform: &'p Platform<'s>,
    call: Call<'p>,
}

type Call<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

impl<'p, 's> Scene<'p, 's> {
    fn new(sim: &'s Sim, platform: &'p Platform<'s>) -> Self {
        let native = &*platform.native;
        block_on(native.query("DELETE FROM tasks WHERE id <> 't_0'", &[])).unwrap();
        sim.healed.set(true);
        sim.works.set(true);
        drive(Pipeline::new(native, sim, &platform.settings).tick()).unwrap();
        let ids = sim.next_begun().expect("the call is to be made");
        let mut call: Call<'p> = Box::pin(async move {
            let pipeline = Pipeline::new(native, sim, &platform.settings);
            pipeline.begin(&ids).await.unwrap();
        });
        assert!(poll(&mut call).is_pending());
        Self {
            sim,
            platform,
            call,
        }
    }

    /// Time passes, everybody ticks.
    fn pass(&mut self, ms: i64) {
        self.sim.pass(ms);
        let _ = poll(&mut self.call);
        self.tick();
    }

    fn tick(&self) {
        let native = &*self.platform.native;
        let pipeline = Pipeline::new(native, self.sim, &self.platform.settings);
        drive(pipeline.tick()).unwrap();
    }

    /// Makes the calls that a tick has asked for.
    fn begin(&self) {
        let native = &*self.platform.native;
        let pipeline = Pipeline::new(native, self.sim, &self.platform.settings);
        while let Some(ids) = self.sim.next_begun() {
            drive(pipeline.begin(&ids)).unwrap();
        }
    }

    fn row(&self) -> TaskRow {
        let mut rows = self.platform.rows();
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }
}

fn poll(call: &mut Call<'_>) -> Poll<()> {
    let mut context = Context::from_waker(futures::task::noop_waker_ref());
    let mut last = Poll::Pending;
    // Each turn lets those go on who have yielded.
    for _ in 0..10 {
        last = call.as_mut().poll(&mut context);
        if last.is_ready() {
            break;
        }
        wake_yielded();
    }
    last
}

#[test]
fn tk12_a_long_call_is_made_once_and_its_holder_says_that_it_lives() {
    for (interface, port) in [("predict", PREDICT), ("gemini", GEMINI)] {
        let sim = Sim::new(1);
        let platform = Platform::with(&sim, servers(interface, port));
        let mut scene = Scene::new(&sim, &platform);
        for _ in 0..18 {
            scene.pass(30_000);
            assert_eq!(sim.next_begun(), None, "somebody else would begin it");
        }
        sim.works.set(false);
        assert!(poll(&mut scene.call).is_ready());
        scene.tick();
        let row = scene.row();
        assert!(
            row.state == "FINISHED" || row.phase.as_deref() == Some("running"),
            "{row:?}"
        );
        assert_eq!((row.attempt, calls(&sim, interface)), (1, 1));
    }
}

#[test]
fn tk12_after_its_holder_a_task_goes_on_with_the_same_key_or_not_at_all() {
    for (interface, port) in [("predict", PREDICT), ("gemini", GEMINI)] {
        let sim = Sim::new(2);
        let platform = Platform::with(&sim, servers(interface, port));
        let mut scene = Scene::new(&sim, &platform);
        // The process stands still: no time for it, but for everybody else.
        let held = std::mem::replace(&mut scene.call, Box::pin(std::future::pending()));
        sim.works.set(false);
        for _ in 0..8 {
            scene.pass(30_000);
            scene.begin();
        }
        let row = scene.row();
        assert_eq!(row.attempt, 1);
        if interface == "gemini" {
            assert_eq!(row.state, "FAILED");
            assert!(row.error.as_deref().unwrap().contains("\"unknown\""));
            assert_eq!(calls(&sim, interface), 1, "not paid for again");
        } else {
            assert_eq!(row.state, "FINISHED");
        }
        // It wakes up with an answer that nobody waits for any more.
        let mut held = held;
        assert!(poll(&mut held).is_ready());
        assert_eq!(scene.row(), row, "a stale holder changes nothing");
    }
}

#[test]
fn tk7_a_call_under_way_outlives_its_registration_and_a_clock_that_is_set_back() {
    let sim = Sim::new(3);
    let platform = Platform::with(&sim, servers("gemini", GEMINI));
    let mut scene = Scene::new(&sim, &platform);
    let native = &*platform.native;
    block_on(store::tasks::hurry_of_server(native, "s_0", sim.now())).unwrap();
    scene.tick();
    sim.jump(-3_600_000);
    scene.tick();
    scene.pass(30_000);
    block_on(store::servers::delete(native, "s_0")).unwrap();
    scene.tick();
    assert_eq!(scene.row().phase.as_deref(), Some("submit"));
    sim.works.set(false);
    assert!(poll(&mut scene.call).is_ready());
    assert_eq!(scene.row().state, "FINISHED");
    assert_eq!(calls(&sim, "gemini"), 1);
}

fn calls(sim: &Sim, interface: &str) -> u32 {
    let accounts = sim.accounts.borrow();
    match interface {
        "gemini" => accounts.paid.values().sum(),
        _ => u32::try_from(accounts.batches.len()).unwrap(),
    }
}
