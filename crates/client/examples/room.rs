//! Talks to a room: `TOKEN=… cargo run --release --example room -- p1`. Writes a node, and prints
//! all nodes whenever something changes.

use client::{Membership, Room};
use loro::ToJson;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = std::env::var("SERVER").unwrap_or_else(|_| "ws://127.0.0.1:8788".into());
    let project = std::env::args().nth(1).ok_or("say which project")?;
    let url = format!("{server}/sync/{project}");
    let mut room = Room::join(Membership::new(&url, &std::env::var("TOKEN")?)?);
    room.joined().await?;
    room.edit(|doc| {
        let node = doc.get_map("nodes").ensure_mergeable_map("from-rust")?;
        node.insert("type", "note")?;
        node.insert("text", "Hello from Rust")
    })?;
    room.flushed().await?; // on the server's disk
    loop {
        println!(
            "{}",
            room.read(|doc| doc.get_map("nodes").get_deep_value().to_json())
        );
        room.changed().await;
    }
}
