//! Who a connection is in a room, and the session bytes that say so in later turns.

use protocol::frame::Permission;

/// What a token allows in one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub sub: String,
    pub permission: Permission,
    pub expires_at_ms: i64,
}

/// What the edge keeps for a joined connection and presents with its inputs. The edge is trusted
/// (only a service token opens the turn route), so the bytes carry no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub grant: Grant,
    /// The project's creation time: a session of a deleted project does not open its successor.
    pub epoch: i64,
}

/// The layout: version · permission · expiry · epoch · sub.
const VERSION: u8 = 1;
const HEADER: usize = 18;

impl Session {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.grant.sub.len());
        bytes.push(VERSION);
        bytes.push(match self.grant.permission {
            Permission::Read => 0,
            Permission::Write => 1,
        });
        bytes.extend(self.grant.expires_at_ms.to_le_bytes());
        bytes.extend(self.epoch.to_le_bytes());
        bytes.extend(self.grant.sub.as_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, sub) = bytes.split_first_chunk::<HEADER>()?;
        let [version, permission, times @ ..] = header;
        let (expires, epoch) = times.split_first_chunk::<8>()?;
        if *version != VERSION {
            return None;
        }
        Some(Self {
            grant: Grant {
                sub: std::str::from_utf8(sub).ok()?.to_owned(),
                permission: match permission {
                    0 => Permission::Read,
                    1 => Permission::Write,
                    _ => return None,
                },
                expires_at_ms: i64::from_le_bytes(*expires),
            },
            epoch: i64::from_le_bytes(epoch.try_into().ok()?),
        })
    }

    /// True when the session may write into the project as it is now.
    pub fn may_write(&self, epoch: i64, now_ms: i64) -> bool {
        self.grant.permission == Permission::Write
            && self.epoch == epoch
            && now_ms < self.grant.expires_at_ms
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
                expires_at_ms: 1_000,
            },
            epoch: 7,
        };
        let bytes = session.encode();
        assert_eq!(Session::decode(&bytes), Some(session.clone()));
        for (case, bytes) in [
            ("empty", &[][..]),
            ("cut", &bytes[..10]),
            ("version", &[&[9], &bytes[1..]].concat()),
            ("permission", &[&[1, 7], &bytes[2..]].concat()),
            ("utf8", &[&bytes[..], &[0xff]].concat()),
        ] {
            assert_eq!(Session::decode(bytes), None, "{case}");
        }
        for (epoch, now_ms, may) in [(7, 999, true), (7, 1_000, false), (8, 999, false)] {
            assert_eq!(session.may_write(epoch, now_ms), may, "{epoch} {now_ms}");
        }
    }
}
