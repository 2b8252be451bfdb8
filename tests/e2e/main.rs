//! End-to-end tests: the real components in the real host behind the real edge, over real sockets.

mod crash;
mod entrance;
mod film;
mod media;
mod mishaps;
mod rooms;
mod starts;
mod tasks;
