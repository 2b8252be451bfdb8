//! What the edge counts (GW12, RM11). The numbers stand below the application's own in `/metrics`.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Seconds of a turn, from an idle database to one that is stuck.
const SECONDS: [f64; 12] = [
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25, 1.0, 4.0, 16.0,
];
/// Inputs of a turn, up to what one may hold.
const INPUTS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// What was refused or given up, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Dropped {
    /// A connection whose reader did not keep up was closed.
    SlowReader,
    /// Presence that a slow reader gets later, gathered.
    PresenceOfSlowReader,
    /// More than one connection may send.
    ConnectionRate,
    /// More than one room takes.
    RoomRate,
    /// A connection that broke the protocol was closed.
    ProtocolError,
    /// A turn that failed twice; its connections were closed.
    Turn,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: Dropped,
}

pub(crate) struct Metrics {
    registry: Registry,
    pub websockets: Gauge,
    pub rooms: Gauge,
    pub presence_members: Gauge,
    pub queued_events: Gauge,
    pub turn_seconds: Histogram,
    pub turn_inputs: Histogram,
    dropped: Family<Reason, Counter>,
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("clash_edge");
        let metrics = Self {
            websockets: Gauge::default(),
            rooms: Gauge::default(),
            presence_members: Gauge::default(),
            queued_events: Gauge::default(),
            turn_seconds: Histogram::new(SECONDS),
            turn_inputs: Histogram::new(INPUTS),
            dropped: Family::default(),
            registry: Registry::default(),
        };
        registry.register("websockets", "Open WebSockets", metrics.websockets.clone());
        registry.register("rooms", "Rooms with members", metrics.rooms.clone());
        registry.register(
            "presence_members",
            "Connections that share presence",
            metrics.presence_members.clone(),
        );
        registry.register(
            "queued_events",
            "What connections sent and no turn has taken yet",
            metrics.queued_events.clone(),
        );
        registry.register(
            "turn_duration_seconds",
            "Time of a turn, with its retry",
            metrics.turn_seconds.clone(),
        );
        registry.register(
            "turn_inputs",
            "Inputs of a turn",
            metrics.turn_inputs.clone(),
        );
        registry.register(
            "dropped",
            "What was refused or given up",
            metrics.dropped.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }

    pub fn dropped(&self, reason: Dropped) {
        self.dropped.get_or_create(&Reason { reason }).inc();
    }

    pub fn turn(&self, inputs: usize, took: Duration) {
        self.turn_inputs.observe(inputs as f64);
        self.turn_seconds.observe(took.as_secs_f64());
    }

    /// The text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut text, &self.registry);
        // OpenMetrics ends with a mark that the older format does not have.
        text.truncate(text.trim_end_matches("# EOF\n").len());
        text
    }
}
