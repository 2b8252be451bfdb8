//! Reading what a node says besides its prompt. What Kling would refuse is refused here, with a
//! sentence that names it; what it does not know is left out.

use serde_json::{Map, Value};

use super::endpoint::unfit;
use crate::Unfit;
use crate::failure::shortened;

/// The longest prompt, by the published limits.
pub(super) const PROMPT_CHARS: usize = 2500;

#[derive(Clone, Copy)]
pub(super) struct Params<'a>(Option<&'a Map<String, Value>>);

impl<'a> Params<'a> {
    pub fn of(params: &'a Value) -> Result<Self, Unfit> {
        match params {
            Value::Null => Ok(Self(None)),
            Value::Object(fields) => Ok(Self(Some(fields))),
            _ => Err(unfit("`params` is not an object")),
        }
    }

    fn get(self, name: &str) -> Option<&'a Value> {
        let value = self.0.and_then(|fields| fields.get(name))?;
        (!value.is_null()).then_some(value)
    }

    /// One of several words; their case does not matter.
    pub fn choice(self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Unfit> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let said = value.as_str().unwrap_or_default();
        let word = words.iter().find(|word| word.eq_ignore_ascii_case(said));
        match word {
            Some(word) => Ok(Some(word)),
            None => Err(wrong(name, &words.join(", "), value)),
        }
    }

    /// A number between two.
    pub fn number(self, name: &str, low: f64, high: f64) -> Result<Option<f64>, Unfit> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(number) if (low..=high).contains(&number) => Ok(Some(number)),
            _ => Err(wrong(
                name,
                &format!("a number from {low} to {high}"),
                value,
            )),
        }
    }

    /// A whole number that is allowed, as a number or as the text of one.
    pub fn whole(self, name: &str, allowed: &[u8], meant: &str) -> Result<Option<u8>, Unfit> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_f64(),
        };
        let found = allowed.iter().find(|it| Some(f64::from(**it)) == number);
        match found {
            Some(number) => Ok(Some(*number)),
            None => Err(wrong(name, meant, value)),
        }
    }

    /// Yes or no, under any of its names, in JSON's words or in Kling's.
    pub fn switch(self, names: &[&str]) -> Result<Option<bool>, Unfit> {
        let found = names
            .iter()
            .find_map(|name| self.get(name).map(|value| (name, value)));
        let Some((name, value)) = found else {
            return Ok(None);
        };
        match value {
            Value::Bool(is_on) => Ok(Some(*is_on)),
            Value::String(word) if word == "on" || word == "native" => Ok(Some(true)),
            Value::String(word) if word == "off" => Ok(Some(false)),
            _ => Err(wrong(name, "on or off", value)),
        }
    }

    /// A text of at most [`PROMPT_CHARS`] characters; an empty one is none.
    pub fn text(self, name: &str) -> Result<Option<&'a str>, Unfit> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let Value::String(text) = value else {
            return Err(wrong(name, "a text", value));
        };
        check_length(&format!("`{name}`"), text)?;
        Ok((!text.trim().is_empty()).then_some(text))
    }

    /// A movement of the camera: one that has a name, or `simple` with a configuration.
    pub fn camera(self) -> Result<Option<&'a Value>, Unfit> {
        const NAMED: [&str; 4] = [
            "down_back",
            "forward_up",
            "right_turn_forward",
            "left_turn_forward",
        ];
        const AXES: [&str; 6] = ["horizontal", "vertical", "pan", "tilt", "roll", "zoom"];
        let name = "camera_control";
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let is_axis = |(axis, by): (&String, &Value)| {
            AXES.contains(&axis.as_str())
                && by.as_f64().is_some_and(|by| (-10.0..=10.0).contains(&by))
        };
        let is_known = match (value["type"].as_str(), &value["config"]) {
            (Some("simple"), Value::Object(axes)) => axes.iter().all(is_axis),
            (Some(word), Value::Null) => NAMED.contains(&word),
            _ => false,
        };
        let meant =
            "{type: simple, config: {zoom: 5}} with axes from -10 to 10, or a named movement";
        match is_known {
            true => Ok(Some(value)),
            false => Err(wrong(name, meant, value)),
        }
    }
}

/// The prompt, if there is one.
pub(super) fn prompt(prompt: &str) -> Result<Option<&str>, Unfit> {
    check_length("the prompt", prompt)?;
    Ok((!prompt.trim().is_empty()).then_some(prompt))
}

/// The prompt, where nothing can be made without one.
pub(super) fn needed_prompt(text: &str) -> Result<&str, Unfit> {
    prompt(text)?.ok_or_else(|| unfit("Kling needs a prompt"))
}

fn check_length(what: &str, text: &str) -> Result<(), Unfit> {
    match text.chars().count() {
        count if count > PROMPT_CHARS => Err(unfit(format!(
            "{what} has {count} characters; Kling takes at most {PROMPT_CHARS}"
        ))),
        _ => Ok(()),
    }
}

fn wrong(name: &str, meant: &str, value: &Value) -> Unfit {
    let said = shortened(&value.to_string());
    unfit(format!("`{name}` must be {meant} for Kling, not {said}"))
}
