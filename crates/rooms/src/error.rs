//! What can go wrong in a room as a whole. What goes wrong for one client is an output instead.

#[derive(Debug, thiserror::Error)]
pub enum RoomsError {
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error("a turn names the room {0} twice")]
    DuplicateRoom(String),
    /// Others kept writing faster than we could follow.
    #[error("the room is written too busily by other processes")]
    Contended,
    /// The log of a room has a gap: a fault of ours.
    #[error("the log of room {0} has a gap")]
    Gap(String),
    #[error("document: {0}")]
    Document(#[from] loro::LoroError),
    #[error("document export: {0}")]
    Export(#[from] loro::LoroEncodeError),
}
