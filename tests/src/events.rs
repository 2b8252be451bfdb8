//! A reader of Server-Sent Events.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::member::PATIENCE;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: i64,
    pub name: String,
    pub data: Value,
}

/// An open stream.
pub struct Events {
    response: reqwest::Response,
    text: String,
    /// What the server said of coming again, in milliseconds.
    pub retry_ms: Option<u64>,
}

impl Events {
    pub async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let media_type = response.headers()["content-type"].to_str();
        assert_eq!(media_type.ok(), Some("text/event-stream"));
        Self {
            response,
            text: String::new(),
            retry_ms: None,
        }
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = self.read(&block) {
                    return Some(event);
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("a heartbeat at least").expect("no cut")?;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// Whether the stream stays silent for so long, heartbeats aside.
    pub async fn is_silent(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.next()).await.is_err()
    }

    fn read(&mut self, block: &str) -> Option<Event> {
        let (mut id, mut name, mut data) = (None, None, None);
        for line in block.lines() {
            let (field, value) = line.split_once(": ").unwrap_or((line, ""));
            match field {
                "id" => id = value.parse().ok(),
                "event" => name = Some(value.to_owned()),
                "data" => data = serde_json::from_str(value).ok(),
                "retry" => self.retry_ms = value.parse().ok(),
                _ => assert!(line.starts_with(':'), "{line}"),
            }
        }
        Some(Event {
            id: id?,
            name: name?,
            data: data?,
        })
    }
}
