//! A provider of the uniform interface: idempotent by key, late, sometimes failing or forgetful.

use std::collections::HashMap;

use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::sim::Sim;

#[derive(Clone)]
pub struct Job {
    pub id: String,
    pub task_id: String,
    pub attempt: u32,
    kind: String,
    /// On the provider's own clock.
    ready_at_ms: i64,
    fate: u64,
}

#[derive(Default)]
pub struct Provider {
    keys: HashMap<String, String>,
    pub jobs: Vec<Job>,
    /// Submissions with a key that was known.
    pub repeated: u64,
    pub file_bytes: usize,
    /// Tasks and attempts that were given up.
    pub given_up: Vec<(String, u32)>,
}

impl Provider {
    pub fn answer(&mut self, sim: &Sim, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        if sim.fault(6) {
            return status(503, b"<html>overloaded</html>");
        }
        let path = request.uri().path();
        match (
            request.method(),
            path.rsplit('/').next().unwrap_or_default(),
        ) {
            (&Method::POST, "submit") => self.submit(sim, request),
            (&Method::GET, id) if path.starts_with("/files/") => match id.strip_suffix(".bin") {
                Some(id) => status(200, &self.file(id)),
                None => status(404, b""),
            },
            (&Method::GET, id) => match self.jobs.iter().find(|job| job.id == id) {
                // It forgot this one.
                Some(job) if job.fate < 4 && !sim.healed.get() => status(404, b""),
                Some(job) => status(200, self.report(sim, job).to_string().as_bytes()),
                None => status(404, b""),
            },
            (&Method::DELETE, id) => {
                let job = self.jobs.iter().find(|job| job.id == id);
                let given_up = job.map(|job| (job.task_id.clone(), job.attempt));
                self.given_up.extend(given_up);
                status(204, b"")
            }
            _ => status(204, b""),
        }
    }

    fn submit(&mut self, sim: &Sim, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let key = request.headers()["idempotency-key"]
            .to_str()
            .unwrap()
            .to_owned();
        if let Some(id) = self.keys.get(&key) {
            self.repeated += 1;
            return status(202, json!({"task_id": id}).to_string().as_bytes());
        }
        if sim.fault(3) {
            return status(202, b"certainly!");
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let (task_id, attempt) = key.rsplit_once('.').unwrap();
        assert_eq!(body["task_id"], task_id);
        let id = format!("x{}", self.jobs.len());
        self.keys.insert(key.clone(), id.clone());
        self.jobs.push(Job {
            id: id.clone(),
            task_id: task_id.to_owned(),
            attempt: attempt.parse().unwrap(),
            kind: body["kind"].as_str().unwrap().to_owned(),
            ready_at_ms: sim.passed() + sim.random(20_000) as i64,
            fate: sim.random(100),
        });
        status(202, json!({"task_id": id}).to_string().as_bytes())
    }

    /// The state object of a job.
    pub fn report(&self, sim: &Sim, job: &Job) -> Value {
        if sim.passed() < job.ready_at_ms {
            return json!({"task_id": job.id, "state": "PROCESSING", "progress": 0.5});
        }
        match (job.fate, job.kind.as_str()) {
            (0..12, _) => {
                json!({"task_id": job.id, "state": "FAILED", "error": {"class": "retryable", "message": "out of memory"}})
            }
            (12..17, _) => {
                json!({"task_id": job.id, "state": "FAILED", "error": {"class": "moderation", "message": "no"}})
            }
            (17..20, _) => json!({"task_id": job.id, "state": "FINISHED"}),
            (20..22, _) => json!({"task_id": job.id, "state": "CANCELLED"}),
            (_, "image_desc") => {
                json!({"task_id": job.id, "state": "FINISHED", "result": {"text": "a boat"}})
            }
            (_, _) => {
                json!({"task_id": job.id, "state": "FINISHED", "result": {"url": format!("/files/{}.bin", job.id)}})
            }
        }
    }

    /// The same job always makes the same file.
    pub fn file(&self, id: &str) -> Vec<u8> {
        let kind = self
            .jobs
            .iter()
            .find(|job| job.id == id)
            .map_or("", |job| job.kind.as_str());
        let mut bytes = match kind {
            "video_gen" => b"\0\0\0\x20ftypisom\0\0\0\0".to_vec(),
            _ => b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(),
        };
        bytes.extend_from_slice(id.as_bytes());
        bytes.resize(bytes.len().max(self.file_bytes), 7);
        bytes
    }
}

pub fn status(code: u16, body: &[u8]) -> Response<Vec<u8>> {
    Response::builder()
        .status(code)
        .body(body.to_vec())
        .unwrap()
}
