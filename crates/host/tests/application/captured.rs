//! What the host logs, for tests that look for a line of their own.

use std::io::Write;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use crate::support::soon;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to keep what is logged, by all tests. Called before the lines in question are written.
pub fn start() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_env_filter("host=debug")
            .with_ansi(false)
            .with_writer(|| Writer)
            .init();
    });
}

/// The lines that hold all of the words.
pub fn lines(words: &[&str]) -> Vec<String> {
    let text = String::from_utf8_lossy(&LINES.lock().unwrap()).into_owned();
    text.lines()
        .filter(|line| words.iter().all(|word| line.contains(word)))
        .map(ToOwned::to_owned)
        .collect()
}

/// Waits for a line that holds all of the words.
pub async fn line(words: &[&str]) -> String {
    let look = async {
        loop {
            if let Some(line) = lines(words).pop() {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(&format!("a log line with {words:?}"), look).await
}
