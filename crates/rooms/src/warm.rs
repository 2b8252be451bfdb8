//! The warm rooms of an instance. A room is taken out while it is used, so that nobody sees it half
//! written; whoever cannot wait for it loads one of their own.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::room::Room;

/// Memory for warm rooms in one instance: a quarter of what the embedded host lets one have.
pub const BUDGET_BYTES: usize = 256 * 1024 * 1024;

/// Rooms by id, the least recently used leave first. The last one stays also when it is larger than
/// the budget: without it, it would be loaded again for every turn.
pub struct Warm {
    budget_bytes: usize,
    slots: RefCell<Slots>,
}

#[derive(Default)]
struct Slots {
    rooms: HashMap<String, Slot>,
    uses: u64,
    bytes: usize,
}

enum Slot {
    /// Somebody uses it.
    Taken,
    Idle {
        room: Box<Room>,
        bytes: usize,
        used: u64,
    },
}

/// The answer of [`Warm::take`].
pub enum Taken<'a> {
    Warm(Lease<'a>, Box<Room>),
    Cold(Lease<'a>),
    Busy,
}

/// The right to put a room back. Dropped without it, the room is cold.
pub struct Lease<'a> {
    warm: &'a Warm,
    name: String,
    /// False for a copy loaded beside one that was busy.
    is_owner: bool,
}

impl Default for Warm {
    fn default() -> Self {
        Self::new(BUDGET_BYTES)
    }
}

impl Warm {
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            slots: RefCell::default(),
        }
    }

    pub fn take(&self, name: &str) -> Taken<'_> {
        let mut slots = self.slots.borrow_mut();
        let room = match slots.rooms.insert(name.to_owned(), Slot::Taken) {
            Some(Slot::Taken) => return Taken::Busy,
            Some(Slot::Idle { room, bytes, .. }) => {
                slots.bytes -= bytes;
                Some(room)
            }
            None => None,
        };
        let lease = Lease {
            warm: self,
            name: name.to_owned(),
            is_owner: true,
        };
        match room {
            Some(room) => Taken::Warm(lease, room),
            None => Taken::Cold(lease),
        }
    }

    /// For a copy beside a busy room; it is never kept.
    pub fn beside(&self, name: &str) -> Lease<'_> {
        Lease {
            warm: self,
            name: name.to_owned(),
            is_owner: false,
        }
    }

    /// Rooms that are kept now.
    pub fn len(&self) -> usize {
        let slots = self.slots.borrow();
        slots
            .rooms
            .values()
            .filter(|slot| matches!(slot, Slot::Idle { .. }))
            .count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Slots {
    fn put(&mut self, name: &str, room: Box<Room>, budget_bytes: usize) {
        let bytes = room.memory();
        self.uses += 1;
        self.bytes += bytes;
        let slot = Slot::Idle {
            room,
            bytes,
            used: self.uses,
        };
        self.rooms.insert(name.to_owned(), slot);
        while self.bytes > budget_bytes {
            let oldest = self
                .rooms
                .iter()
                .filter_map(|(name, slot)| match slot {
                    Slot::Idle { used, .. } if *used < self.uses => Some((*used, name.clone())),
                    Slot::Idle { .. } | Slot::Taken => None,
                })
                .min();
            let Some((_, name)) = oldest else { return };
            self.forget(&name);
        }
    }

    fn forget(&mut self, name: &str) {
        if let Some(Slot::Idle { bytes, .. }) = self.rooms.remove(name) {
            self.bytes -= bytes;
        }
    }
}

impl Lease<'_> {
    /// Puts the room back for the next user.
    pub fn keep(mut self, room: Box<Room>) {
        if self.is_owner && !room.is_tainted() {
            self.is_owner = false;
            self.warm
                .slots
                .borrow_mut()
                .put(&self.name, room, self.warm.budget_bytes);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.is_owner {
            self.warm.slots.borrow_mut().forget(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Box<Room> {
        Box::new(Room::load(0, 0, None, &[]))
    }

    #[test]
    fn rm11_a_room_in_use_is_busy_and_a_dropped_lease_leaves_it_cold() {
        let warm = Warm::default();
        let Taken::Cold(lease) = warm.take("p1") else {
            panic!("not cold")
        };
        assert!(matches!(warm.take("p1"), Taken::Busy));
        lease.keep(room());
        let Taken::Warm(lease, _room) = warm.take("p1") else {
            panic!("not warm")
        };
        drop(lease);
        assert!(matches!(warm.take("p1"), Taken::Cold(_)));
    }

    #[test]
    fn rm11_the_least_recently_used_room_leaves_when_the_budget_is_full() {
        let warm = Warm::new(2 * room().memory());
        for name in ["p1", "p2"] {
            let Taken::Cold(lease) = warm.take(name) else {
                panic!("not cold")
            };
            lease.keep(room());
        }
        let Taken::Warm(lease, kept) = warm.take("p1") else {
            panic!("not warm")
        };
        lease.keep(kept);
        let Taken::Cold(lease) = warm.take("p3") else {
            panic!("not cold")
        };
        lease.keep(room());
        assert_eq!(warm.len(), 2);
        assert!(matches!(warm.take("p2"), Taken::Cold(_)));
        assert!(matches!(warm.take("p1"), Taken::Warm(..)));
    }

    #[test]
    fn rm11_a_room_larger_than_the_budget_stays_until_the_next_one_is_used() {
        let warm = Warm::new(1);
        for name in ["p1", "p2"] {
            let Taken::Cold(lease) = warm.take(name) else {
                panic!("not cold")
            };
            lease.keep(room());
            assert_eq!(warm.len(), 1, "{name}");
        }
        assert!(matches!(warm.take("p1"), Taken::Cold(_)));
        assert!(matches!(warm.take("p2"), Taken::Warm(..)));
    }
}
