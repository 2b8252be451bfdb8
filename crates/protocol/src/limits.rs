//! The bounds of SPEC section 4, in one place, each with its reason.

use std::time::Duration;

/// Largest frame either side may send: the Loro protocol's own maximum.
pub const FRAME_BYTES: usize = 262_144;

/// Largest room id inside a frame: the Loro protocol's own maximum.
pub const ROOM_ID_BYTES: usize = 128;

/// Largest project id: a DNS label, so that it can become a host name.
pub const PROJECT_ID_BYTES: usize = 63;

/// Updates in one DocUpdate. Clients send one to a few; the bound keeps the table of slices made
/// for one frame under 256 KiB.
pub const UPDATES_PER_FRAME: usize = 16_384;

/// Payload of one fragment. 240 KiB as the npm client uses: it leaves 16 KiB for the envelope.
pub const FRAGMENT_BYTES: usize = 240 * 1024;

/// Largest batch put together from fragments: a first upload of some 100,000 canvas nodes.
pub const REASSEMBLED_BYTES: usize = 8 * 1024 * 1024;

/// Fragments of one batch: 8 MiB in pieces of 2 KiB, smaller pieces are abuse.
pub const FRAGMENTS_PER_BATCH: usize = 4_096;

/// How long a batch may take to arrive whole: the Loro protocol's own timeout.
pub const FRAGMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Batches one connection may have open at a time: a client sends them one after the other.
pub const OPEN_REASSEMBLIES: usize = 16;

/// Bytes that all open batches of one connection may hold together: two of the largest.
pub const OPEN_REASSEMBLY_BYTES: usize = 2 * REASSEMBLED_BYTES;

/// Rooms on one multiplexed connection: far over what a person has open, small enough to list.
pub const ROOMS_PER_CONNECTION: usize = 64;

/// Inputs in one turn: what 512 writers send in one round trip; more forms the next turn.
pub const TURN_INPUTS: usize = 512;

/// Bytes of input in one turn; a single larger update goes alone.
pub const TURN_INPUT_BYTES: usize = 4 * 1024 * 1024;

/// Largest turn body, each way, without the one large join that an answer may hold besides.
pub const TURN_BYTES: usize = 16 * 1024 * 1024;

/// Largest backfill: the largest room that can be joined.
pub const TURN_JOIN_BYTES: usize = 64 * 1024 * 1024;

/// Bytes waiting for one slow reader: one large room's backfill fits, a stuck reader does not.
pub const OUTBOUND_BYTES: usize = 16 * 1024 * 1024;

/// How often the edge polls a room that has connections: the net under lost pushes.
pub const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Keys of presence that one connection may hold, and that one update may name: a cursor, a
/// selection and a few more for each of some windows. A client that comes back sends what it knows
/// of the others, too.
pub const PRESENCE_KEYS: usize = 4_096;

/// Presence of one connection: keys and values. Cursors and selections take a few hundred bytes.
pub const PRESENCE_BYTES: usize = 64 * 1024;

/// Presence of one room: what 200 people with large selections hold, and what a late joiner gets.
pub const PRESENCE_ROOM_BYTES: usize = 4 * 1024 * 1024;

/// How far ahead the clock of whoever writes presence may be. A newer entry wins, so one from the
/// far future could never be removed.
pub const PRESENCE_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);
