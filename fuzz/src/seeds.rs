//! Writes what the fuzzer begins with: the golden bytes of tests/vectors, and updates of a document
//! like ours.

use std::path::Path;

use loro::{ExportMode, LoroDoc};
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = |name: &str| -> Result<Value, Box<dyn std::error::Error>> {
        let path = fuzz.join("../tests/vectors").join(name);
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    };
    let seed = |target: &str, name: &str, bytes: &[u8]| {
        let folder = fuzz.join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)
    };
    for vector in vectors("loro-frames.json")?["vectors"]
        .as_array()
        .ok_or("no frames")?
    {
        let name = vector["name"].as_str().ok_or("a frame without a name")?;
        seed(
            "frame",
            name,
            &hex::decode(vector["frame"].as_str().ok_or("no frame")?)?,
        )?;
    }
    for (name, value) in vectors("turn.json")?["vectors"]
        .as_object()
        .ok_or("no turns")?
    {
        let target = if name.starts_with("request") {
            "turn_request"
        } else {
            "turn_response"
        };
        seed(
            target,
            name,
            &hex::decode(value.as_str().ok_or("a turn is hex")?)?,
        )?;
    }
    // A header of two fragments, and the two; then time.
    let steps = [
        0, 1, 2, 0, 16, 0, 0, 0, 2, 1, 0, 0, 8, 0, 0, 0, 2, 1, 1, 0, 8, 0, 0, 0, 4,
    ];
    seed("fragments", "two", &steps)?;

    let document = LoroDoc::new();
    document.set_peer_id(3)?;
    let node = document.get_map("nodes").ensure_mergeable_map("n1")?;
    node.insert("type", "image")?;
    node.insert("x", 1.5)?;
    document.commit();
    let first = document.oplog_vv();
    node.insert("title", "A lighthouse")?;
    document.get_text("notes").insert(0, "INT. LIGHTHOUSE")?;
    document.get_movable_list("order").push("a")?;
    document.commit();
    seed(
        "update",
        "updates",
        &document.export(ExportMode::all_updates())?,
    )?;
    seed(
        "update",
        "later",
        &document.export(ExportMode::updates(&first))?,
    )?;
    seed(
        "update",
        "snapshot",
        &document.export(ExportMode::Snapshot)?,
    )?;
    seed("update", "version", &document.oplog_vv().encode())?;
    Ok(())
}
