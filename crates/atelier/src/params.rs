//! The free-form parameters of a request, as far as atelier reads them.

use crate::media::camera::CameraMove;
use crate::paint::noise::seed_of;
use serde_json::{Map, Value};

/// Clips from half a second to half a minute.
const SECONDS: std::ops::RangeInclusive<f64> = 0.5..=30.0;
pub const DEFAULT_SECONDS: f32 = 4.0;

/// An object, or an object as a JSON string, as nodes of the canvas may carry it.
pub fn object(value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(map) => Ok(map),
        Value::String(text) if text.trim().is_empty() => Ok(Map::new()),
        Value::String(text) => serde_json::from_str(&text)
            .map_err(|_| "params is a string that holds no JSON object".to_owned()),
        _ => Err("params must be an object".to_owned()),
    }
}

fn number(params: &Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    match params.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| format!("params.{name} is not a number")),
        Some(value) => value
            .as_f64()
            .map(Some)
            .ok_or_else(|| format!("params.{name} is not a number")),
    }
}

pub fn seconds(params: &Map<String, Value>) -> Result<f32, String> {
    let seconds = number(params, "duration_s")?.unwrap_or(f64::from(DEFAULT_SECONDS));
    if SECONDS.contains(&seconds) {
        Ok(seconds as f32)
    } else {
        Err(format!(
            "params.duration_s must be from {} to {}",
            SECONDS.start(),
            SECONDS.end()
        ))
    }
}

pub fn camera(params: &Map<String, Value>) -> Result<CameraMove, String> {
    match params.get("camera_move") {
        None | Some(Value::Null) => Ok(CameraMove::PushIn),
        Some(Value::String(name)) => Ok(CameraMove::parse(name).unwrap_or_else(|| {
            // Shot lists are free text: an unknown move is no reason to lose the shot.
            tracing::info!(camera_move = %name.chars().take(60).collect::<String>(), "unknown camera move, pushing in");
            CameraMove::PushIn
        })),
        Some(_) => Err("params.camera_move is not a string".to_owned()),
    }
}

pub fn seed(params: &Map<String, Value>, prompt: &str) -> Result<u64, String> {
    match params.get("seed") {
        None | Some(Value::Null) => Ok(seed_of(prompt)),
        Some(Value::Number(number)) => Ok(number
            .as_u64()
            .unwrap_or_else(|| seed_of(&number.to_string()))),
        Some(Value::String(text)) => Ok(seed_of(text)),
        Some(_) => Err("params.seed is neither a number nor a string".to_owned()),
    }
}
