//! How a task stands, as either API writes it.

use serde_json::Value;

use super::endpoint::checked_id;
use crate::cost::micros;
use crate::failure::shortened;
use crate::{CallFailure, Class, Cost, Product, Report, Told, address};

/// What a task yields at most is nine pictures; more is not read.
const OUTPUTS: usize = 9;
/// A task is paid for in one or two ways.
const CHARGES: usize = 8;

/// The words of an API for the same things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    Legacy,
    New,
}

/// A task object of an answer or a callback.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    fields: &'a Value,
    wording: Wording,
}

impl<'a> Task<'a> {
    pub fn of(fields: &'a Value, wording: Wording) -> Result<Self, CallFailure> {
        match fields {
            Value::Object(_) => Ok(Self { fields, wording }),
            _ => Err(CallFailure::nonsense("a task that is not an object")),
        }
    }

    /// Reads a task that does not say of which API it is: the name of its id tells.
    pub fn of_either(fields: &'a Value) -> Result<Self, CallFailure> {
        match (fields.get("task_id"), fields.get("id")) {
            (Some(_), None) => Self::of(fields, Wording::Legacy),
            (None, Some(_)) => Self::of(fields, Wording::New),
            (None, None) => Err(CallFailure::nonsense("neither `task_id` nor `id`")),
            (Some(_), Some(_)) => Err(CallFailure::nonsense("both `task_id` and `id`")),
        }
    }

    /// The provider's own id.
    pub fn id(self) -> Result<&'a str, CallFailure> {
        let name = match self.wording {
            Wording::Legacy => "task_id",
            Wording::New => "id",
        };
        match &self.fields[name] {
            Value::String(id) => checked_id(name, id),
            Value::Null => Err(CallFailure::nonsense(format!("`{name}` is missing"))),
            _ => Err(CallFailure::nonsense(format!("`{name}` is not a string"))),
        }
    }

    /// Our own id, if it is told.
    pub fn key(self) -> Option<&'a str> {
        let key = match self.wording {
            Wording::Legacy => &self.fields["task_info"]["external_task_id"],
            Wording::New => &self.fields["external_id"],
        };
        key.as_str().filter(|key| !key.is_empty())
    }

    pub fn has_failed(self) -> bool {
        matches!(self.status(), Ok("failed"))
    }

    pub fn told(self) -> Result<Told, CallFailure> {
        let (report, more) = match self.status()? {
            "submitted" | "processing" => (Report::Working { progress: None }, Vec::new()),
            // The two APIs spell it differently, and neither keeps to its own spelling.
            "succeed" | "succeeded" => {
                let mut products = self.products()?;
                let first = products.remove(0);
                (Report::Finished(first), products)
            }
            "failed" => (Report::Failed(self.failure()), Vec::new()),
            other => {
                return Err(CallFailure::nonsense(format!(
                    "unknown status {:?}",
                    shortened(other)
                )));
            }
        };
        let costs = self.costs();
        Ok(Told {
            report,
            more,
            costs,
        })
    }

    fn status(self) -> Result<&'a str, CallFailure> {
        let name = match self.wording {
            Wording::Legacy => "task_status",
            Wording::New => "status",
        };
        match &self.fields[name] {
            Value::String(status) => Ok(status),
            Value::Null => Err(CallFailure::nonsense(format!("`{name}` is missing"))),
            _ => Err(CallFailure::nonsense(format!("`{name}` is not a string"))),
        }
    }

    /// Why it failed. No code says that content was refused; the words do.
    fn failure(self) -> CallFailure {
        let words = match self.wording {
            Wording::Legacy => &self.fields["task_status_msg"],
            Wording::New => &self.fields["message"],
        };
        let words = words.as_str().unwrap_or_default().trim();
        let is_refused = words.to_ascii_lowercase().contains("risk control");
        CallFailure {
            class: match is_refused {
                true => Class::Moderation,
                false => Class::Terminal,
            },
            message: match words.is_empty() {
                true => "Kling failed without saying why".to_owned(),
                false => format!("Kling failed: {}", shortened(words)),
            },
            retry_after_ms: None,
        }
    }

    /// The results, at least one.
    fn products(self) -> Result<Vec<Product>, CallFailure> {
        let found = match self.wording {
            Wording::Legacy => self.legacy_outputs()?,
            Wording::New => list(&self.fields["outputs"], "outputs")?
                .iter()
                .filter(|output| matches!(output["type"].as_str(), Some("video" | "image")))
                .collect(),
        };
        if found.is_empty() {
            return Err(CallFailure::nonsense(
                "a success without a video or a picture",
            ));
        }
        found.into_iter().take(OUTPUTS).map(product).collect()
    }

    fn legacy_outputs(self) -> Result<Vec<&'a Value>, CallFailure> {
        let result = &self.fields["task_result"];
        match result {
            Value::Object(_) => {}
            Value::Null => {
                return Err(CallFailure::nonsense("a success without `task_result`"));
            }
            _ => return Err(CallFailure::nonsense("`task_result` is not an object")),
        }
        let videos = list(&result["videos"], "videos")?;
        let mut images: Vec<_> = list(&result["images"], "images")?.iter().collect();
        images.sort_by_key(|image| image["index"].as_i64());
        Ok(videos.iter().chain(images).collect())
    }

    fn costs(self) -> Vec<Cost> {
        match self.wording {
            Wording::Legacy => {
                let units = micros(&self.fields["final_unit_deduction"]);
                units
                    .map(|micros| Cost::Units { micros })
                    .into_iter()
                    .collect()
            }
            Wording::New => {
                let charges = self.fields["billing"].as_array();
                let charges = charges.into_iter().flatten().take(CHARGES);
                charges.filter_map(charge).collect()
            }
        }
    }
}

fn charge(charge: &Value) -> Option<Cost> {
    let micros = micros(&charge["amount"])?;
    match charge["charge_type"].as_str()? {
        "unit" => Some(Cost::Units { micros }),
        "cash" => {
            let currency = charge["currency"].as_str()?;
            let is_code = currency.len() == 3 && currency.bytes().all(|it| it.is_ascii_uppercase());
            is_code.then(|| Cost::Money {
                micros,
                currency: currency.to_owned(),
            })
        }
        _ => None,
    }
}

/// A list; one that is missing or null is empty.
fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], CallFailure> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Null => Ok(&[]),
        _ => Err(CallFailure::nonsense(format!("`{name}` is not a list"))),
    }
}

fn product(output: &Value) -> Result<Product, CallFailure> {
    let url = match &output["url"] {
        Value::String(url) => address::parse(url)
            .map_err(|error| CallFailure::nonsense(format!("`url` of a result: {error}")))?,
        Value::Null => return Err(CallFailure::nonsense("a result without `url`")),
        _ => return Err(CallFailure::nonsense("`url` of a result is not a string")),
    };
    // Told as "5" or "5.042". It is an ornament: what cannot be read is left out.
    let duration_s = match &output["duration"] {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    };
    Ok(Product {
        url: Some(url.into()),
        media_type: None,
        width: None,
        height: None,
        duration_s: duration_s.filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0),
        text: None,
    })
}
