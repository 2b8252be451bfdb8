//! End-to-end tests: the real components in the real host behind the real edge, over real sockets.

mod accounts;
mod assets;
mod backup;
mod conventions;
mod crash;
mod entrance;
mod film;
mod history;
mod issuer;
mod media;
mod members;
mod mishaps;
mod object_storage;
mod roles;
mod rooms;
mod starts;
mod tasks;
mod uploads;
