//! End-to-end tests: the real components in the real host behind the real edge, over real sockets.

mod accounts;
mod crash;
mod entrance;
mod film;
mod issuer;
mod media;
mod mishaps;
mod rooms;
mod starts;
mod tasks;
