//! A backup that somebody brings: nothing of it is believed before it was looked at.

use std::collections::HashSet;

use loro::{EncodedBlobMode, Frontiers, LoroDoc, PeerID, VersionVector};
use store::versions::Kind;

use super::Backup;
use crate::history::{AUTOMATIC, Coverage, NAMED, point_of};
use crate::room::is_update;
use crate::room::soundness::is_sound;

/// Bytes of a name, an id or an actor.
const WORD_BYTES: usize = 1_024;
/// The largest time that JSON's numbers hold exactly.
const TIME_MS: i64 = 1 << 53;

/// What is wrong with a backup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(String);

fn wrong<T>(what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong(what.into()))
}

/// A backup that can be taken.
pub struct Checked {
    pub backup: Backup,
    pub document: LoroDoc,
}

pub fn check(backup: Backup) -> Result<Checked, Wrong> {
    let document = document(&backup)?;
    let version = document.oplog_vv();
    if VersionVector::decode(&backup.version).ok().as_ref() != Some(&version) {
        return wrong("document: not of the version that the backup names");
    }
    let mut known = version;
    if let Some(pending) = &backup.pending {
        let meta = LoroDoc::decode_import_blob_meta(pending, true);
        match meta {
            Ok(meta) if is_update(pending) => known.merge(&meta.partial_end_vv),
            Ok(_) | Err(_) => return wrong("pending: not a Loro update"),
        }
    }
    check_versions(&backup, &document)?;
    check_spans(&backup, &known)?;
    Ok(Checked { backup, document })
}

fn document(backup: &Backup) -> Result<LoroDoc, Wrong> {
    let meta = LoroDoc::decode_import_blob_meta(&backup.document, true);
    if !meta.is_ok_and(|meta| meta.mode == EncodedBlobMode::Snapshot) {
        return wrong("document: not a full Loro snapshot");
    }
    let document = LoroDoc::new();
    let status = document
        .import(&backup.document)
        .map_err(|_| Wrong("document: it cannot be read".to_owned()))?;
    if status.pending.is_some_and(|pending| !pending.is_empty()) {
        return wrong("document: a part of its history is missing");
    }
    if !is_sound(&document, &status.success) {
        return wrong("document: its operations do not follow each other");
    }
    Ok(document)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= WORD_BYTES && !text.chars().any(char::is_control)
}

fn is_time(at_ms: i64) -> bool {
    (0..=TIME_MS).contains(&at_ms)
}

fn check_versions(backup: &Backup, document: &LoroDoc) -> Result<(), Wrong> {
    let of_kind = |kind| {
        let versions = backup.versions.iter();
        versions.filter(|version| version.kind == kind).count()
    };
    if of_kind(Kind::Named) as i64 > NAMED || of_kind(Kind::Auto) > AUTOMATIC {
        return wrong("versions: more than a project may have");
    }
    let mut ids = HashSet::new();
    for (at, version) in backup.versions.iter().enumerate() {
        let has_words = is_word(&version.id)
            && is_word(&version.created_by)
            && version.name.as_deref().is_none_or(is_word)
            && version.name.is_some() == (version.kind == Kind::Named);
        if !has_words || !is_time(version.created_at_ms) || !ids.insert(&version.id) {
            return wrong(format!("versions[{at}]: not one of ours"));
        }
        let point = Frontiers::decode(&version.frontiers).ok();
        if point.is_none_or(|point| point_of(document, &point).is_none()) {
            return wrong(format!(
                "versions[{at}]: no point of the document's history"
            ));
        }
    }
    Ok(())
}

fn check_spans(backup: &Backup, known: &VersionVector) -> Result<(), Wrong> {
    let mut coverage = Coverage::default();
    for (at, span) in backup.spans.iter().enumerate() {
        let peer = span.peer.parse::<PeerID>().ok();
        let peer = peer.filter(|peer| peer.to_string() == span.peer);
        let is_sound = is_word(&span.actor)
            && is_time(span.first_at_ms)
            && is_time(span.last_at_ms)
            && span.first_at_ms <= span.last_at_ms
            && span.from >= 0
            && span.from < span.to;
        let Some(peer) = peer.filter(|_| is_sound) else {
            return wrong(format!("history[{at}]: not one of ours"));
        };
        if span.to > known.get(&peer).copied().unwrap_or(0) {
            return wrong(format!("history[{at}]: of operations that are not there"));
        }
        let span = span.from..span.to;
        if coverage.take(peer, span.clone()) != std::slice::from_ref(&span) {
            return wrong(format!(
                "history[{at}]: operations that have an author already"
            ));
        }
    }
    Ok(())
}
