//! A server that answers when the test says so, and tells what happens at its door.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::support::soon;

#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody asked; the request line.
    Asked(String),
    /// Somebody closed the connection.
    Closed,
}

pub struct Upstream {
    pub address: SocketAddr,
    events: mpsc::UnboundedReceiver<Event>,
    answers: Arc<Semaphore>,
}

const END: &[u8] = b"\r\n\r\n";

/// What everyone is answered.
pub const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nanswered";

impl Upstream {
    /// Answers nobody until `release`.
    pub async fn start() -> Self {
        Self::answering(ANSWER).await
    }

    /// The same with an answer of one's own.
    pub async fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let answers = Arc::new(Semaphore::new(0));
        let permits = Arc::clone(&answers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, sender.clone(), Arc::clone(&permits)));
            }
        });
        Self {
            address,
            events,
            answers,
        }
    }

    /// Lets that many requests be answered.
    pub fn release(&self, count: usize) {
        self.answers.add_permits(count);
    }

    pub async fn event(&mut self) -> Event {
        soon("an event at the upstream server", self.events.recv())
            .await
            .expect("the server goes on")
    }

    pub async fn asked(&mut self) -> String {
        loop {
            if let Event::Asked(line) = self.event().await {
                return line;
            }
        }
    }

    pub async fn closed(&mut self) {
        while self.event().await != Event::Closed {}
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &'static str,
    events: mpsc::UnboundedSender<Event>,
    answers: Arc<Semaphore>,
) {
    let mut read = Vec::new();
    loop {
        while !read.windows(END.len()).any(|window| window == END) {
            match stream.read_buf(&mut read).await {
                Ok(1..) => {}
                _ => {
                    let _ = events.send(Event::Closed);
                    return;
                }
            }
        }
        let line = String::from_utf8_lossy(&read)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        read.clear();
        let _ = events.send(Event::Asked(line));
        let mut byte = [0];
        let go = tokio::select! {
            permit = answers.acquire() => {
                permit.expect("never closed").forget();
                true
            }
            // Whoever says anything now, says goodbye.
            _ = stream.read(&mut byte) => false,
        };
        if !go || stream.write_all(answer.as_bytes()).await.is_err() {
            let _ = events.send(Event::Closed);
            return;
        }
    }
}
