//! What is written into rooms, made in advance: canvases, and the edits of writers.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use loro::{ExportMode, LoroDoc, LoroMap, VersionVector};
use protocol::BatchId;
use protocol::fragment::encode_update;
use protocol::frame::Crdt;

/// The edits of one writer as updates, in order; edit `n` sets `x` of its node to `n`.
pub type Edits = Vec<Vec<u8>>;

/// The same as frames of a room.
pub type Script = Arc<Vec<(BatchId, Bytes)>>;

/// An idle node with the fields of an ordinary one.
fn note(doc: &LoroDoc, id: &str, number: usize) -> Result<LoroMap> {
    let node = doc.get_map("nodes").ensure_mergeable_map(id)?;
    node.insert("type", "note")?;
    node.insert("status", "idle")?;
    node.insert("x", (number % 100 * 240) as i64)?;
    node.insert("y", (number / 100 * 180) as i64)?;
    node.insert("w", 220i64)?;
    node.insert("h", 160i64)?;
    node.insert("title", format!("Note {number}"))?;
    Ok(node)
}

/// A canvas of one person.
pub struct Canvas {
    pub updates: Vec<Vec<u8>>,
    pub version: VersionVector,
}

/// A canvas of so many nodes, as updates of so many nodes each.
pub fn canvas(nodes: usize, nodes_per_update: usize) -> Result<Canvas> {
    let doc = LoroDoc::new();
    let mut updates = Vec::new();
    let mut version = VersionVector::default();
    for number in 0..nodes {
        note(&doc, &format!("n{number}"), number)?;
        if (number + 1) % nodes_per_update == 0 || number + 1 == nodes {
            doc.commit();
            updates.push(doc.export(ExportMode::updates(&version))?);
            version = doc.oplog_vv();
        }
    }
    Ok(Canvas { updates, version })
}

/// Edits of somebody who has the canvas, each exported as the update since the one before, about
/// 100 bytes. They depend on the canvas and on nothing of other writers, so they can be made in
/// advance.
pub fn edits(canvas: &Canvas, writer: usize, count: usize) -> Result<Edits> {
    let doc = LoroDoc::new();
    for update in &canvas.updates {
        doc.import(update)?;
    }
    let node = note(&doc, &node_id(writer), writer)?;
    let mut updates = Vec::with_capacity(count);
    let mut sent = canvas.version.clone();
    for edit in 0..count {
        node.insert("x", edit as i64)?;
        doc.commit();
        updates.push(doc.export(ExportMode::updates(&sent))?);
        sent = doc.oplog_vv();
    }
    Ok(updates)
}

/// The node that a writer edits.
pub fn node_id(writer: usize) -> String {
    format!("w{writer}")
}

/// Edits as the frames that a writer sends into a room.
pub fn script(room: &str, writer: usize, edits: &Edits) -> Result<Script> {
    let frames = edits.iter().enumerate().map(|(edit, update)| {
        let batch = BatchId::from_u64(((writer as u64) << 32) | edit as u64);
        let frame = encode_update(Crdt::Loro, room, batch, update)?.swap_remove(0);
        Ok((batch, Bytes::from(frame)))
    });
    Ok(Arc::new(frames.collect::<Result<_>>()?))
}
