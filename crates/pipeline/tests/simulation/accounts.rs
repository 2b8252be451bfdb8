//! Providers that cost money: Kling at port 9100, Gemini at 9200, and a `predict` server at 9300
//! that costs none. They follow the published formats and count what they did.

use std::collections::HashMap;

use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::provider::status;
use crate::sim::Sim;

pub const KLING: u16 = 9100;
pub const GEMINI: u16 = 9200;
pub const PREDICT: u16 = 9300;

/// A whole PNG's head, which is all that is looked at, in base64.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

struct Job {
    id: String,
    key: String,
    task: String,
    ready_at_ms: i64,
    fails: bool,
}

#[derive(Default)]
pub struct Accounts {
    kling: Vec<Job>,
    /// Answers of `predict` by key.
    predicted: HashMap<String, Value>,
    /// What was done and has to be paid for, by task.
    pub paid: HashMap<String, u32>,
    /// When Kling was asked to begin something.
    pub asked_at_ms: Vec<i64>,
    pub looked_up: u64,
    pub put_off: u64,
    /// The tasks of each call that `predict` got.
    pub batches: Vec<Vec<String>>,
}

impl Accounts {
    pub fn answer(&mut self, sim: &Sim, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        if request.uri().path().starts_with("/files/") {
            return status(200, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
        }
        match request.uri().port_u16() {
            Some(KLING) => self.kling(sim, request),
            Some(GEMINI) => self.gemini(sim, request),
            Some(PREDICT) => self.predict(sim, request),
            port => panic!("nobody is at {port:?}"),
        }
    }

    fn kling(&mut self, sim: &Sim, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        if sim.fault(5) {
            return status(502, b"<html>bad gateway</html>");
        }
        if request.method() == Method::POST {
            return self.kling_begins(sim, request);
        }
        let path = request.uri().path();
        let id = path.rsplit('/').next().unwrap_or_default();
        // The same place takes their id and ours.
        self.looked_up += u64::from(id.starts_with("t_"));
        match self.kling.iter().find(|job| job.id == id || job.key == id) {
            Some(job) => reply(200, &told(sim, job)),
            None => reply(404, &json!({"code": 1203, "message": "task not found"})),
        }
    }

    fn kling_begins(&mut self, sim: &Sim, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.asked_at_ms.push(sim.now());
        let refusal = match sim.fault(20).then(|| sim.random(5)) {
            Some(0) => Some((429, 1302, "rate limit")),
            Some(1) => Some((429, 1303, "parallel task over resource pack limit")),
            Some(2) => Some((429, 1102, "resource pack depleted")),
            Some(3) => Some((401, 1002, "access key not found")),
            Some(_) => Some((500, 5000, "internal error")),
            None => None,
        };
        if let Some((code, number, words)) = refusal {
            self.put_off += u64::from(matches!(code, 401 | 429));
            return reply(code, &json!({"code": number, "message": words}));
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let key = body["external_task_id"].as_str().unwrap();
        assert!(
            body["callback_url"].as_str().unwrap().ends_with(key),
            "{body}"
        );
        if self.kling.iter().any(|job| job.key == key) {
            let words = json!({"code": 1201, "message": "external_task_id must be unique"});
            return reply(400, &words);
        }
        let job = Job {
            id: format!("86{}", self.kling.len()),
            key: key.to_owned(),
            task: body["prompt"].as_str().unwrap().to_owned(),
            ready_at_ms: sim.passed() + sim.random(30_000) as i64,
            fails: sim.fault(15),
        };
        if !job.fails {
            *self.paid.entry(job.task.clone()).or_default() += 1;
        }
        let answer = reply(200, &told(sim, &job));
        self.kling.push(job);
        answer
    }

    fn gemini(&mut self, sim: &Sim, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        if sim.fault(8) {
            let error = json!({"code": 503, "message": "overloaded", "status": "UNAVAILABLE"});
            return reply(503, &json!({"error": error}));
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let parts = body["contents"][0]["parts"].as_array().unwrap();
        let texts = parts.iter().filter_map(|part| part["text"].as_str());
        let prompt: String = texts.collect();
        let at = prompt.find("t_").expect("the prompt");
        *self.paid.entry(prompt[at..at + 3].to_owned()).or_default() += 1;
        let part = match body["generationConfig"]["responseModalities"].is_array() {
            true => json!({"inlineData": {"mimeType": "image/png", "data": PNG}}),
            false => json!({"text": "a boat"}),
        };
        let candidate = json!({"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0});
        let usage =
            json!({"promptTokenCount": 5, "candidatesTokenCount": 1290, "totalTokenCount": 1295});
        reply(
            200,
            &json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}),
        )
    }

    fn predict(&mut self, sim: &Sim, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let path = request.uri().path();
        if let Some(id) = path.strip_prefix("/api/tasks/") {
            return match self.predicted.get(id) {
                Some(answer) => reply(200, answer),
                None => reply(404, &json!({"error": "unknown"})),
            };
        }
        if sim.fault(10) {
            return status(500, b"CUDA out of memory");
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let id_of = |task: &Value| task["task_id"].as_str().unwrap().to_owned();
        if let Some(tasks) = body["tasks"].as_array() {
            self.batches.push(tasks.iter().map(id_of).collect());
            let each = tasks.iter().map(|task| {
                let key = task["idempotency_key"].as_str().unwrap();
                self.predict_one(sim, key, task).1
            });
            let answers: Vec<Value> = each.collect();
            return reply(200, &json!({"tasks": answers}));
        }
        self.batches.push(vec![id_of(&body)]);
        let key = request.headers()["idempotency-key"].to_str().unwrap();
        let (code, answer) = self.predict_one(sim, key, &body);
        reply(code, &answer)
    }

    fn predict_one(&mut self, sim: &Sim, key: &str, task: &Value) -> (u16, Value) {
        let result = match task["kind"].as_str() {
            Some("image_desc") => json!({"text": "a boat"}),
            _ => json!({"url": format!("data:image/png;base64,{PNG}")}),
        };
        let state = json!({"state": "FINISHED", "result": result});
        let id = format!("p-{key}");
        match sim.random(2) {
            0 => (200, json!({"result": result})),
            _ => {
                self.predicted.insert(id.clone(), state);
                (202, json!({"task_id": id}))
            }
        }
    }
}

fn told(sim: &Sim, job: &Job) -> Value {
    let is_ready = sim.passed() >= job.ready_at_ms;
    let (state, result) = match (is_ready, job.fails) {
        (false, _) => ("processing", json!({})),
        (true, true) => ("failed", json!({})),
        (true, false) => {
            let url = format!("http://127.0.0.1:{KLING}/files/{}.png", job.id);
            (
                "succeed",
                json!({"images": [{"index": 0, "url": url}], "videos": [{"id": "v", "url": url, "duration": "5"}]}),
            )
        }
    };
    json!({"code": 0, "message": "SUCCEED", "request_id": "r", "data": {
        "task_id": job.id, "task_status": state, "task_status_msg": "",
        "task_info": {"external_task_id": job.key}, "task_result": result,
        "final_unit_deduction": "1", "created_at": 1_722_769_557_708_i64, "updated_at": 1_722_769_557_708_i64,
    }})
}

fn reply(code: u16, body: &Value) -> Response<Vec<u8>> {
    status(code, body.to_string().as_bytes())
}
