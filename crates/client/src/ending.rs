//! How a connection ends, and whether another attempt may help.

use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::RoomError;

/// How a connection ended.
pub enum Ending {
    /// Worth another attempt.
    Lost(String),
    Final(RoomError),
}

pub type Step<T = ()> = Result<T, Ending>;

pub fn lost(reason: impl Into<String>) -> Ending {
    Ending::Lost(reason.into())
}

/// Refusals of the upgrade that another attempt will not change are final.
pub fn connect_error(error: SocketError) -> Ending {
    match error {
        SocketError::Http(response) => {
            let status = response.status();
            let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            let reason = format!("the server answered {status}");
            if passing {
                lost(reason)
            } else {
                Ending::Final(RoomError::Refused(reason))
            }
        }
        SocketError::Url(error) => Ending::Final(RoomError::Refused(error.to_string())),
        error => lost(error.to_string()),
    }
}

/// Codes and reasons that mean "do not come back", as the npm client reads them.
pub fn close_error(frame: Option<CloseFrame>) -> Ending {
    let Some(frame) = frame else {
        return lost("the server closed the connection");
    };
    let code = u16::from(frame.code);
    let reason = frame.reason.as_str();
    let is_final = matches!(code, 1008 | 1011 | 4400..=4499)
        || matches!(reason, "permission_changed" | "room_closed" | "auth_failed");
    let shown = if reason.is_empty() {
        format!("code {code}")
    } else {
        format!("{reason} ({code})")
    };
    match is_final {
        true => Ending::Final(RoomError::Closed(shown)),
        false => lost(format!("the server closed the connection: {shown}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rm13_restarts_are_joined_again_and_expulsions_are_not() {
        for (code, reason, is_final) in [
            (1000, "", false),
            (1001, "", false),
            (1002, "a frame that cannot be read", false),
            (1008, "", true),
            (1012, "restart", false),
            (1013, "overload", false),
            (4401, "", true),
            (1000, "room_closed", true),
        ] {
            let frame = CloseFrame {
                code: code.into(),
                reason: reason.into(),
            };
            let ending = close_error(Some(frame));
            assert_eq!(
                matches!(ending, Ending::Final(_)),
                is_final,
                "{code} {reason}"
            );
        }
        assert!(matches!(close_error(None), Ending::Lost(_)));
    }
}
