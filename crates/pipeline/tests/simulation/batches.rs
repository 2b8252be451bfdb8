//! TK11: tasks of a kind go out together, at three or after thirty seconds; until then they can be
//! cancelled, and limits hold inside of a batch, too.

use futures::executor::block_on;
use pipeline::Pipeline;
use store::servers::NewServer;
use store::tasks::NewTask;

use crate::accounts::PREDICT;
use crate::platform::Platform;
use crate::sim::Sim;
use crate::ticks::drive;

struct Scene<'a> {
    sim: &'a Sim,
    platform: Platform<'a>,
}

impl<'a> Scene<'a> {
    fn new(sim: &'a Sim, slots: i64) -> Self {
        sim.healed.set(true);
        let server = NewServer {
            id: "s_0".into(),
            url: format!("http://127.0.0.1:{PREDICT}"),
            interface: "predict".into(),
            kinds: vec!["image_desc".into()],
            slots,
            batch: 3,
            ..NewServer::default()
        };
        let platform = Platform::with(sim, vec![server]);
        block_on(store::Database::query(
            &*platform.native,
            "DELETE FROM tasks",
            &[],
        ))
        .unwrap();
        // It is the only one, and has been for a while.
        sim.pass(60_000);
        Self { sim, platform }
    }

    fn add(&self, id: &str) {
        let task = NewTask {
            id: id.into(),
            project_id: "p1".into(),
            tenant: "default".into(),
            node_id: None,
            kind: "image_desc".into(),
            prompt: String::new(),
            params: "{}".into(),
            inputs: Vec::new(),
            created_by: "alice".into(),
            created_at_ms: self.sim.now(),
            trace_id: None,
            priority: 0,
        };
        assert!(block_on(store::tasks::insert(&*self.platform.native, &task)).unwrap());
    }

    /// A tick, and the calls that follow it. What has gone out by now.
    fn tick(&self) -> Vec<Vec<String>> {
        let native = &*self.platform.native;
        let pipeline = Pipeline::new(native, self.sim, &self.platform.settings);
        drive(pipeline.tick()).unwrap();
        while let Some(ids) = self.sim.next_begun() {
            drive(pipeline.begin(&ids)).unwrap();
        }
        self.platform.check_slots();
        self.sim.accounts.borrow().batches.clone()
    }

    fn cancel(&self, id: &str) {
        let native = &*self.platform.native;
        let pipeline = Pipeline::new(native, self.sim, &self.platform.settings);
        let row = block_on(store::tasks::find(native, id)).unwrap().unwrap();
        drive(pipeline.cancel(row)).unwrap();
    }
}

#[test]
fn tk11_three_go_out_at_once_and_fewer_after_thirty_seconds() {
    let sim = Sim::new(5);
    let scene = Scene::new(&sim, 8);
    scene.add("t_a");
    scene.add("t_b");
    assert!(scene.tick().is_empty(), "two wait for a third");
    scene.add("t_c");
    scene.add("t_d");
    assert_eq!(scene.tick(), [["t_a", "t_b", "t_c"]], "three at once");
    sim.pass(29_000);
    assert_eq!(scene.tick().len(), 1, "the fourth waits");
    sim.pass(2_000);
    assert_eq!(scene.tick()[1], ["t_d"], "but not for ever");
    for row in scene.platform.rows() {
        assert!(
            row.state == "FINISHED" || row.phase.as_deref() == Some("running"),
            "{row:?}"
        );
    }
}

#[test]
fn tk11_a_cancelled_task_does_not_go_out_and_slots_hold_inside_a_batch() {
    let sim = Sim::new(6);
    let scene = Scene::new(&sim, 2);
    scene.add("t_a");
    scene.add("t_b");
    assert!(scene.tick().is_empty());
    scene.cancel("t_a");
    scene.add("t_c");
    assert!(scene.tick().is_empty(), "a cancelled one does not count");
    scene.add("t_d");
    let gone = scene.tick();
    assert_eq!(gone[0], ["t_b", "t_c"], "two slots, two tasks");
}
