//! RG4, TK10: limits of servers, models and rates hold whoever races for them, each with a
//! connection of its own.

use dispatch::Kind;
use futures::executor::block_on;
use http::{Request, Response};
use pipeline::{Body, Bounds, NoAnswer, Pipeline, Settings, World};
use providers::Allowed;
use store::native::Native;
use store::servers::{Model, NewServer};
use store::tasks::NewTask;
use store::{Database, migrate};

const NOW_MS: i64 = 1_800_000_000_000;
const TASKS: usize = 200;

/// A world in which time stands still and nobody is called.
struct Still;

struct Nothing;

impl Body for Nothing {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NoAnswer> {
        Ok(None)
    }
}

fn nobody() -> NoAnswer {
    NoAnswer::Unreachable("nobody is there".into())
}

impl World for Still {
    type Body = Nothing;

    fn now_ms(&self) -> i64 {
        NOW_MS
    }

    fn jitter(&self) -> f64 {
        0.5
    }

    fn unique(&self) -> String {
        "u".into()
    }

    fn asset_link(&self, _: &str, asset_id: &str) -> String {
        asset_id.into()
    }

    fn webhook_url(&self, provider: &str, _: &str, _: u32) -> String {
        provider.into()
    }

    async fn call(&self, _: Request<Vec<u8>>, _: Bounds) -> Result<Response<Vec<u8>>, NoAnswer> {
        Err(nobody())
    }

    async fn sleep(&self, _: i64) {}

    async fn asset(&self, _: &str, _: &str) -> Result<Vec<u8>, NoAnswer> {
        Err(nobody())
    }

    fn begin_soon(&self, _: Vec<String>) {}

    async fn fetch(&self, _: Request<Vec<u8>>) -> Result<Response<Nothing>, NoAnswer> {
        Err(nobody())
    }

    async fn poke(&self, _: &str) -> Result<u16, NoAnswer> {
        Err(nobody())
    }

    fn hint(&self, _: String) {}

    fn report(&self, _: &str, _: &dyn std::fmt::Display) {}
}

fn settings() -> Settings {
    Settings {
        worker_public_url: "http://clash.test".into(),
        fallback_url: None,
        no_server_timeout_ms: 60_000,
        allowed: Allowed::parse(""),
    }
}

fn submit(database: &Native, number: usize) {
    let task = NewTask {
        id: format!("t_{number}"),
        project_id: "p".into(),
        tenant: "default".into(),
        node_id: None,
        kind: Kind::TextGen.as_str().into(),
        prompt: "race".into(),
        params: r#"{"model":"slow"}"#.into(),
        inputs: Vec::new(),
        created_by: "alice".into(),
        created_at_ms: NOW_MS - 1,
        trace_id: None,
        priority: 0,
    };
    assert!(block_on(store::tasks::insert(database, &task)).unwrap());
}

/// How many of 200 tasks have a server after eight dispatchers have raced for its slots while the
/// tasks came in.
fn race(server: NewServer) -> i64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let first = Native::open(&path).unwrap();
    block_on(migrate::migrate(&first, 1)).unwrap();
    let server = NewServer {
        id: "s".into(),
        tenant: "default".into(),
        owner: "gpu".into(),
        name: "s".into(),
        url: "http://127.0.0.1:9000".into(),
        // An account is ONLINE at once.
        interface: "openai".into(),
        kinds: vec!["text_gen".into()],
        now_ms: NOW_MS,
        ..server
    };
    block_on(store::servers::upsert(&first, &server)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let database = Native::open(path).unwrap();
                let settings = settings();
                let pipeline = Pipeline::new(&database, &Still, &settings);
                for number in 0..TASKS / 8 {
                    submit(&database, thread * (TASKS / 8) + number);
                    block_on(pipeline.take()).unwrap();
                }
            });
        }
    });
    let working = "SELECT count(*) AS n, (SELECT used FROM servers) AS used FROM tasks \
                   WHERE state = 'PROCESSING' AND server_id = 's'";
    let row = block_on(first.query(working, &[]))
        .unwrap()
        .first()
        .unwrap();
    let working = row.integer("n").unwrap();
    assert_eq!(row.integer("used").unwrap(), working);
    working
}

fn models(slots: Option<i64>) -> Vec<Model> {
    vec![Model {
        name: "slow".into(),
        slots,
    }]
}

#[test]
fn rg4_two_hundred_tasks_race_for_five_slots() {
    let taken = race(NewServer {
        slots: 5,
        models: models(None),
        ..NewServer::default()
    });
    assert_eq!(taken, 5);
}

#[test]
fn tk10_a_models_limit_holds_in_a_race() {
    let taken = race(NewServer {
        slots: 500,
        models: models(Some(3)),
        ..NewServer::default()
    });
    assert_eq!(taken, 3);
}

#[test]
fn tk10_a_rate_holds_in_a_race() {
    let taken = race(NewServer {
        slots: 500,
        models: models(None),
        rate_per_min: Some(60),
        ..NewServer::default()
    });
    // A burst of 15 of 60 a minute, whoever asks.
    assert_eq!(taken, 15);
}
