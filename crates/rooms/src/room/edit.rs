//! Editing the document in somebody's name.

use loro::{ExportMode, LoroDoc, PeerID};

use super::Room;
use crate::RoomsError;
use crate::author::Author;

/// Authors whose peers a room remembers. More begin with new ones, which costs each reader a few
/// bytes of version.
const PEERS: usize = 64;

impl Room {
    /// Edits the document as [`Room::edit`] does, in the name of `author`.
    pub fn edit_by<E>(
        &mut self,
        author: &Author,
        write: impl FnOnce(&LoroDoc) -> Result<(), E>,
    ) -> Result<Option<Vec<u8>>, RoomsError>
    where
        RoomsError: From<E>,
    {
        self.check_out()?;
        let own = self.document.peer_id();
        let peer = match author {
            Author::Server => own,
            Author::Caller { sub, .. } => self.peer_of(sub),
        };
        self.document.set_peer_id(peer)?;
        let before = self.document.oplog_vv();
        write(&self.document)?;
        canvas::write::commit_as(&self.document, &author.commit_message());
        self.document.set_peer_id(own)?;
        let update = if self.document.oplog_vv() == before {
            None
        } else {
            Some(self.document.export(ExportMode::updates(&before))?)
        };
        self.document.detach();
        self.bytes += update.as_ref().map_or(0, Vec::len);
        Ok(update)
    }

    fn peer_of(&mut self, sub: &str) -> PeerID {
        if self.peers.len() >= PEERS && !self.peers.contains_key(sub) {
            self.peers.clear();
        }
        // A new document has a random peer of its own.
        let fresh = || LoroDoc::new().peer_id();
        *self.peers.entry(sub.to_owned()).or_insert_with(fresh)
    }
}
