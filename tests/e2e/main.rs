//! End-to-end tests: the real components in the real host behind the real edge, over real sockets.

mod accounts;
mod assets;
mod crash;
mod entrance;
mod film;
mod issuer;
mod media;
mod mishaps;
mod object_storage;
mod rooms;
mod starts;
mod tasks;
mod uploads;
