//! One handler per file: parse, authorise, load, decide, save, answer.

pub mod cancel;
pub mod dead_letters;
pub mod dispatch;
pub mod health;
pub mod heartbeat;
pub mod queues;
pub mod read;
pub mod result;
pub mod retry;
pub mod submit;
pub mod tick;
pub mod update_node;
pub mod webhook;
