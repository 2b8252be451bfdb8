//! Holds WebSockets; turns frames into room turns.
