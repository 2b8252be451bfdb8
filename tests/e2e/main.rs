//! End-to-end tests: the real components in the real host behind the real edge, over real sockets.

mod accounts;
mod assets;
mod backup;
mod conventions;
mod crash;
mod document;
mod entrance;
mod events;
mod examples;
mod film;
mod history;
mod issuer;
mod media;
mod members;
mod mishaps;
mod object_storage;
mod operations;
mod programs;
mod races;
mod rights;
mod roles;
mod rooms;
mod starts;
mod task_kills;
mod tasks;
mod uploads;
