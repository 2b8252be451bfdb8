//! Who a connection is in a room, and the session bytes that say so in later turns.

use protocol::frame::Permission;

/// What a token allows in one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub sub: String,
    pub permission: Permission,
    pub expires_at_ms: i64,
    /// What the environment needs to find out again what its holder may do.
    pub credentials: Vec<u8>,
}

/// What the edge keeps for a joined connection and presents with its inputs. The edge is trusted
/// (only a service token opens the turn route), so the bytes carry no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub grant: Grant,
    /// The project's creation time: a session of a deleted project does not open its successor.
    pub epoch: i64,
    /// The version of the tenant's access ([`store::rooms::Head::access`]) that the grant is of.
    pub access: i64,
}

/// The layout: version · permission · expiry · epoch · access · length of sub · sub · credentials.
const VERSION: u8 = 2;
const HEADER: usize = 28;

/// A client is asked to join again, with a fresh token, that long before its session ends: what a
/// rejoin takes with a slow identity provider.
const REJOIN_BEFORE_MS: i64 = 30_000;

impl Session {
    pub fn encode(&self) -> Vec<u8> {
        let sub = self.grant.sub.as_bytes();
        // A subject is a claim of a token, which is at most 8 KiB.
        let sub = &sub[..sub.len().min(usize::from(u16::MAX))];
        let mut bytes = Vec::with_capacity(HEADER + sub.len() + self.grant.credentials.len());
        bytes.push(VERSION);
        bytes.push(match self.grant.permission {
            Permission::Read => 0,
            Permission::Write => 1,
        });
        bytes.extend(self.grant.expires_at_ms.to_le_bytes());
        bytes.extend(self.epoch.to_le_bytes());
        bytes.extend(self.access.to_le_bytes());
        bytes.extend((sub.len() as u16).to_le_bytes());
        bytes.extend(sub);
        bytes.extend(&self.grant.credentials);
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let [VERSION, permission, numbers @ ..] = header else {
            return None;
        };
        let (numbers, sub_bytes) = numbers.split_last_chunk::<2>()?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let [expires_at_ms, epoch, access] = numbers else {
            return None;
        };
        let sub_bytes = usize::from(u16::from_le_bytes(*sub_bytes));
        let (sub, credentials) = rest.split_at_checked(sub_bytes)?;
        Some(Self {
            grant: Grant {
                sub: std::str::from_utf8(sub).ok()?.to_owned(),
                permission: match permission {
                    0 => Permission::Read,
                    1 => Permission::Write,
                    _ => return None,
                },
                expires_at_ms: i64::from_le_bytes(*expires_at_ms),
                credentials: credentials.to_vec(),
            },
            epoch: i64::from_le_bytes(*epoch),
            access: i64::from_le_bytes(*access),
        })
    }

    /// True when the session may write into the project as it is now.
    pub fn may_write(&self, epoch: i64, now_ms: i64) -> bool {
        self.grant.permission == Permission::Write
            && self.epoch == epoch
            && now_ms < self.grant.expires_at_ms
    }

    /// True when its holder should come with a fresh token.
    pub fn is_ending(&self, now_ms: i64) -> bool {
        now_ms >= self.grant.expires_at_ms - REJOIN_BEFORE_MS
    }

    /// When the edge is to ask about the session again: when it is ending, and when it has ended.
    pub fn until_ms(&self, now_ms: i64) -> u64 {
        let ends_at_ms = self.grant.expires_at_ms;
        let until_ms = match self.is_ending(now_ms) {
            true => ends_at_ms,
            false => ends_at_ms - REJOIN_BEFORE_MS,
        };
        u64::try_from(until_ms).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rm6_sessions_survive_the_edge_and_nothing_else_does() {
        let session = Session {
            grant: Grant {
                sub: "alice".into(),
                permission: Permission::Write,
                expires_at_ms: 100_000,
                credentials: b"claims".to_vec(),
            },
            epoch: 7,
            access: 3,
        };
        let bytes = session.encode();
        assert_eq!(Session::decode(&bytes), Some(session.clone()));
        for (case, bytes) in [
            ("empty", &[][..]),
            ("cut", &bytes[..10]),
            ("version", &[&[9], &bytes[1..]].concat()),
            ("permission", &[&[2, 7], &bytes[2..]].concat()),
            (
                "utf8",
                &[&bytes[..HEADER], &[0xff], &bytes[HEADER + 1..]].concat(),
            ),
            ("short", &bytes[..HEADER + 4]),
        ] {
            assert_eq!(Session::decode(bytes), None, "{case}");
        }
        for (epoch, now_ms, may) in [(7, 99_999, true), (7, 100_000, false), (8, 99_999, false)] {
            assert_eq!(session.may_write(epoch, now_ms), may, "{epoch} {now_ms}");
        }
        for (now_ms, until_ms) in [(0, 70_000), (69_999, 70_000), (70_000, 100_000)] {
            assert_eq!(session.until_ms(now_ms), until_ms, "{now_ms}");
        }
    }
}
