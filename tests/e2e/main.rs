//! End-to-end tests: the real components in the real host behind the real edge, over real sockets.

mod assets;
mod crash;
mod entrance;
mod film;
mod media;
mod mishaps;
mod object_storage;
mod rooms;
mod starts;
mod tasks;
mod uploads;
