//! Loro values as JSON, within bounds: numbers of JavaScript clients are doubles, and a hostile
//! document may nest deeper than a stack.

use loro::{Container, LoroValue, ValueOrContainer};
use serde_json::{Map, Number, Value};

/// Deepest nesting that is read; a canvas needs four. What lies deeper reads as null.
pub const DEPTH: usize = 32;

/// Doubles up to here hold integers exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A value or a container, with everything in it, as JSON.
pub fn to_json(value: &ValueOrContainer, depth: usize) -> Value {
    match value {
        ValueOrContainer::Value(value) => value_to_json(value, depth),
        ValueOrContainer::Container(container) => container_to_json(container, depth),
    }
}

fn container_to_json(container: &Container, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    let deeper = |item: Option<ValueOrContainer>| match item {
        Some(item) => to_json(&item, depth - 1),
        None => Value::Null,
    };
    match container {
        Container::Map(map) => {
            let mut object = Map::new();
            map.for_each(|key, item| {
                object.insert(key.to_owned(), to_json(&item, depth - 1));
            });
            Value::Object(object)
        }
        Container::Text(text) => Value::String(text.to_string()),
        Container::List(list) => (0..list.len()).map(|at| deeper(list.get(at))).collect(),
        Container::MovableList(list) => (0..list.len()).map(|at| deeper(list.get(at))).collect(),
        Container::Counter(counter) => number(counter.get_value()),
        Container::Tree(_) | Container::Unknown(_) => Value::Null,
    }
}

/// A plain value as JSON; binary reads as null.
pub fn value_to_json(value: &LoroValue, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    match value {
        LoroValue::Null | LoroValue::Binary(_) | LoroValue::Container(_) => Value::Null,
        LoroValue::Bool(value) => Value::Bool(*value),
        LoroValue::Double(value) => number(*value),
        LoroValue::I64(value) => Value::from(*value),
        LoroValue::String(value) => Value::String(value.to_string()),
        LoroValue::List(items) => items
            .iter()
            .map(|item| value_to_json(item, depth - 1))
            .collect(),
        LoroValue::Map(map) => Value::Object(
            map.iter()
                .map(|(key, item)| (key.to_string(), value_to_json(item, depth - 1)))
                .collect(),
        ),
    }
}

/// A double as the JSON number a person would write: 1280, not 1280.0.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < EXACT {
        Value::from(value as i64)
    } else {
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tk1_numbers_of_javascript_read_as_integers() {
        for (value, expected) in [
            (LoroValue::Double(1280.0), json!(1280)),
            (LoroValue::Double(0.5), json!(0.5)),
            (LoroValue::Double(f64::NAN), Value::Null),
            (LoroValue::Double(f64::INFINITY), Value::Null),
            (LoroValue::I64(-3), json!(-3)),
            (LoroValue::Null, Value::Null),
        ] {
            assert_eq!(value_to_json(&value, DEPTH), expected, "{value:?}");
        }
    }

    #[test]
    fn tk1_deep_values_end_in_null() {
        let mut value = LoroValue::I64(1);
        for _ in 0..100 {
            value = LoroValue::from(vec![value]);
        }
        let mut json = value_to_json(&value, DEPTH);
        let mut depth = 0;
        while let Some(inner) = json.get_mut(0).map(Value::take) {
            json = inner;
            depth += 1;
        }
        assert_eq!(depth, DEPTH);
        assert_eq!(json, Value::Null);
    }
}
