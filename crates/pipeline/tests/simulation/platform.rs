//! Several workers on one database, as requests and ticks would be, and what must hold.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::executor::block_on;
use pipeline::{Pipeline, Reported, Settings};
use providers::{Wanted, parse_report};
use sha2::{Digest, Sha256};
use store::native::Native;
use store::servers::NewServer;
use store::tasks::{NewTask, TaskRow};
use store::{Database, migrate};

use crate::provider::Job;
use crate::sim::{Sim, SimDatabase, database, wake_yielded};
use crate::ticks::drive;

type Worker<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Requests and ticks at work at the same time.
const WORKERS: usize = 4;

pub struct Platform<'a> {
    sim: &'a Sim,
    pub native: std::rc::Rc<Native>,
    pub settings: std::rc::Rc<Settings>,
    workers: RefCell<Vec<Worker<'a>>>,
}

impl<'a> Platform<'a> {
    /// Two servers of the uniform interface.
    pub fn new(sim: &'a Sim) -> Self {
        let servers = [
            (vec!["image_gen", "image_desc"], 2),
            (vec!["image_gen", "video_gen"], 1),
        ];
        let servers = servers.into_iter().enumerate();
        let servers = servers.map(|(at, (kinds, slots))| NewServer {
            id: format!("s_{at}"),
            url: format!("http://127.0.0.1:{}", 9000 + at),
            kinds: kinds.into_iter().map(str::to_owned).collect(),
            slots,
            ..NewServer::default()
        });
        Self::with(sim, servers.collect())
    }

    pub fn with(sim: &'a Sim, servers: Vec<NewServer>) -> Self {
        let native = database(sim);
        block_on(migrate::migrate(&native, sim.now())).unwrap();
        for server in servers {
            let server = NewServer {
                tenant: "default".into(),
                owner: "gpu".into(),
                name: server.id.clone(),
                now_ms: sim.now(),
                ..server
            };
            block_on(store::servers::upsert(&native, &server)).unwrap();
        }
        block_on(native.query("UPDATE servers SET state = 'ONLINE'", &[])).unwrap();
        for (at, kind) in [
            "image_gen",
            "image_gen",
            "image_desc",
            "video_gen",
            "image_gen",
        ]
        .into_iter()
        .enumerate()
        {
            let task = NewTask {
                priority: 0,
                trace_id: None,
                id: format!("t_{at}"),
                project_id: "p1".into(),
                tenant: "default".into(),
                node_id: (at != 1).then(|| format!("n{at}")),
                kind: kind.into(),
                // By which accounts know it again: their calls carry no other sign of it.
                prompt: format!("t_{at}"),
                params: "{}".into(),
                inputs: Vec::new(),
                created_by: "alice".into(),
                created_at_ms: sim.now(),
            };
            assert!(block_on(store::tasks::insert(&native, &task)).unwrap());
        }
        let settings = Settings {
            worker_public_url: "http://127.0.0.1:8788".into(),
            fallback_url: None,
            no_server_timeout_ms: 60_000,
            allowed: providers::Allowed::parse("http://127.0.0.1:*"),
        };
        Self {
            sim,
            native: native.into(),
            settings: settings.into(),
            workers: RefCell::default(),
        }
    }

    /// One thing happens.
    pub fn step(&self) {
        let waiting = self.workers.borrow().len();
        match self.sim.random(100) {
            0..25 if waiting < WORKERS => {
                let worker = self.worker();
                self.workers.borrow_mut().push(worker);
            }
            25..35 => self.sim.pass(self.sim.random(6_000) as i64),
            35..36 => self.sim.pass(self.sim.random(200_000) as i64),
            36..38 => self.sim.light_fuse(),
            // An hour's sleep, or a clock that somebody sets.
            38..39 if self.sim.random(3) == 0 && !self.sim.keeps_time.get() => {
                let hour_ms = 3_600_000;
                self.sim
                    .jump([hour_ms, -hour_ms][self.sim.random(2) as usize]);
            }
            38..39 => {
                let state = ["ONLINE", "OFFLINE"][self.sim.random(2) as usize];
                block_on(self.native.query(
                    "UPDATE servers SET state = ? WHERE id = 's_1'",
                    &[state.into()],
                ))
                .unwrap();
            }
            _ if waiting > 0 => self.poll_one(),
            _ => {}
        }
    }

    fn poll_one(&self) {
        let mut workers = self.workers.borrow_mut();
        let at = self.sim.random(workers.len() as u64) as usize;
        let mut context = Context::from_waker(futures::task::noop_waker_ref());
        if let Poll::Ready(()) = workers[at].as_mut().poll(&mut context) {
            drop(workers.swap_remove(at));
        }
        wake_yielded();
        if self.sim.crashed.get() {
            workers.clear();
            self.sim.restart(&self.native);
        }
    }

    fn worker(&self) -> Worker<'a> {
        let (sim, native, settings) = (self.sim, self.native.clone(), self.settings.clone());
        let choice = sim.random(100);
        Box::pin(async move {
            let database = SimDatabase {
                native: &native,
                sim,
            };
            let pipeline = Pipeline::new(&database, sim, &settings);
            match choice {
                0..30 => drop(pipeline.tick().await.unwrap()),
                30..50 => drop(pipeline.dispatch().await.unwrap()),
                50..60 => begin_one(sim, &pipeline).await,
                60..97 => callback(sim, &database, &pipeline).await,
                _ => {
                    let id = format!("t_{}", sim.random(5));
                    let row = store::tasks::find(&database, &id).await.unwrap().unwrap();
                    pipeline.cancel(row).await.unwrap();
                }
            }
        })
    }

    /// Nothing fails any more: everything must come to its end by ticks alone.
    pub fn heal(&self) {
        self.sim.healed.set(true);
        self.workers.borrow_mut().clear();
        self.sim.light_fuse();
        self.sim.crashed.set(true);
        self.sim.restart(&self.native);
        block_on(
            self.native
                .query("UPDATE servers SET state = 'ONLINE'", &[]),
        )
        .unwrap();
        for _ in 0..400 {
            let database = SimDatabase {
                native: &self.native,
                sim: self.sim,
            };
            let pipeline = Pipeline::new(&database, self.sim, &self.settings);
            drive(pipeline.tick()).unwrap();
            while let Some(ids) = self.sim.next_begun() {
                drive(pipeline.begin(&ids)).unwrap();
            }
            self.sim.pass(5_000);
            let rows = self.rows();
            let effects = self.count("SELECT count(*) AS n FROM effects");
            if effects == 0 && rows.iter().all(|row| row.ended_at_ms.is_some()) {
                return;
            }
        }
        panic!("not everything ended: {:#?}", self.rows());
    }

    pub fn rows(&self) -> Vec<TaskRow> {
        block_on(store::tasks::list(
            &*self.native,
            store::tasks::Only::default(),
            None,
            100,
        ))
        .unwrap()
    }

    pub fn count(&self, statement: &str) -> i64 {
        let rows = block_on(self.native.query(statement, &[])).unwrap();
        rows.first().unwrap().integer("n").unwrap()
    }

    /// RG4: a slot in use is a task at work, never more and never fewer.
    pub fn check_slots(&self) {
        let wrong = "SELECT count(*) AS n FROM servers WHERE used > slots OR used <> \
            (SELECT count(*) FROM tasks \
            WHERE server_id = servers.id AND state = 'PROCESSING')";
        assert_eq!(
            self.count(wrong),
            0,
            "slots do not add up: {:#?}",
            self.rows()
        );
    }

    pub fn check_end(&self) {
        self.check_slots();
        let mut ends = (0, 0, 0, 0);
        let mut heard: HashMap<String, serde_json::Value> = HashMap::new();
        for poke in self.sim.pokes.borrow().iter() {
            let before = heard.insert(poke["task_id"].as_str().unwrap().to_owned(), poke.clone());
            assert!(
                before.is_none_or(|before| before == *poke),
                "two ends of one task: {poke}"
            );
        }
        for row in self.rows() {
            match row.state.as_str() {
                "FINISHED" => ends.0 += 1,
                "FAILED" => ends.1 += 1,
                _ => ends.2 += 1,
            }
            ends.3 += u64::from(row.attempt > 1);
            assert!(row.failures <= 3);
            let jobs = self
                .sim
                .provider
                .borrow()
                .jobs
                .iter()
                .filter(|job| job.task_id == row.id)
                .count();
            assert!(
                jobs as i64 <= row.attempt,
                "{jobs} jobs in {} attempts",
                row.attempt
            );
            assert_eq!(
                row.node_id.is_some(),
                heard.contains_key(&row.id),
                "{row:?}"
            );
            if let Some(end) = heard.get(&row.id) {
                assert_eq!(end["state"], row.state.as_str());
            }
            if row.state == "FINISHED" && row.kind != "image_desc" {
                self.check_asset(&row);
            }
            let attempt = u32::try_from(row.attempt).unwrap();
            let is_given_up = (row.id.clone(), attempt);
            assert!(
                row.state != "FINISHED"
                    || !self.sim.provider.borrow().given_up.contains(&is_given_up),
                "the provider was told to give up what has FINISHED: {row:?}"
            );
        }
        assert_eq!(
            self.count("SELECT count(*) AS n FROM asset_chunks WHERE asset_id LIKE 'upload:%'"),
            0
        );
        self.sim.ends.set(ends);
    }

    fn check_asset(&self, row: &TaskRow) {
        let id = row.asset_id.as_deref().unwrap();
        let asset = block_on(store::assets::find(&*self.native, "p1", id))
            .unwrap()
            .unwrap();
        let mut bytes = Vec::new();
        for part in 0.. {
            match block_on(store::assets::chunk(&*self.native, id, part)).unwrap() {
                Some(chunk) => bytes.extend(chunk),
                None => break,
            }
        }
        assert_eq!(bytes.len() as i64, asset.size);
        assert_eq!(hex::encode(Sha256::digest(&bytes)), id);
    }
}

/// A call that goes on beside.
async fn begin_one(sim: &Sim, pipeline: &Pipeline<'_, SimDatabase<'_>, Sim>) {
    if let Some(ids) = sim.next_begun() {
        pipeline.begin(&ids).await.unwrap();
    }
}

/// A provider calls back: about any job, at any time, as often as it likes.
async fn callback(
    sim: &Sim,
    database: &SimDatabase<'_>,
    pipeline: &Pipeline<'_, SimDatabase<'_>, Sim>,
) {
    let jobs: Vec<Job> = sim.provider.borrow().jobs.clone();
    if jobs.is_empty() {
        return;
    }
    let job = &jobs[sim.random(jobs.len() as u64) as usize];
    let row = store::tasks::find(database, &job.task_id)
        .await
        .unwrap()
        .unwrap();
    let wanted = if row.kind == "image_desc" {
        Wanted::Text
    } else {
        Wanted::Media
    };
    let body = sim.provider.borrow().report(sim, job).to_string();
    let Ok(report) = parse_report(body.as_bytes(), wanted) else {
        return;
    };
    let attempt = (sim.random(10) > 0).then_some(job.attempt);
    sim.callbacks.set(sim.callbacks.get() + 1);
    match pipeline.take_report(row, attempt, report).await.unwrap() {
        Reported::Settle(row) => pipeline.settle(*row).await.unwrap(),
        Reported::Done { slot_freed: true } => drop(pipeline.dispatch().await.unwrap()),
        Reported::Done { slot_freed: false } | Reported::Repeated | Reported::Refused(_) => {}
    }
}
