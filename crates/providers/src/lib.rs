//! Codecs of providers: a request from a task, progress from an answer. Pure.
