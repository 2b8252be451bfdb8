//! What a provider says beside how a task stands.

use serde::Serialize;
use serde_json::Value;

use crate::{Product, Report, Spent};

/// How a task stands, and what else its provider told in the same answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub report: Report,
    /// The further results of a task that was asked for several; the first is in the report.
    pub more: Vec<Product>,
    /// What was taken from the account, by each of the ways in which it was taken.
    pub costs: Vec<Cost>,
}

impl Told {
    pub(crate) fn into_report_and_spent(self) -> (Report, Spent) {
        let spent = Spent {
            costs: self.costs,
            tokens: None,
        };
        (self.report, spent)
    }
}

/// What a task took from an account, in millionths: sums of money are not rounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum Cost {
    /// Units of a package that was bought before.
    Units { micros: i64 },
    /// Money; the currency as three letters (ISO 4217).
    Money { micros: i64, currency: String },
}

/// A decimal number, as a JSON string or number, in millionths. None for anything else: a price
/// that cannot be read must not cost the result.
pub(crate) fn micros(value: &Value) -> Option<i64> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let millionths = part.bytes().chain(std::iter::repeat(b'0')).take(6);
    let part = millionths.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    whole
        .parse::<i64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tk8_amounts_are_read_exactly_or_not_at_all() {
        for (value, expected) in [
            (json!("1"), Some(1_000_000)),
            (json!("0.35"), Some(350_000)),
            (json!("3.1234567"), Some(3_123_456)),
            (json!(2.5), Some(2_500_000)),
            (json!(7), Some(7_000_000)),
            (json!("string"), None),
            (json!(""), None),
            (json!("."), None),
            (json!("-1"), None),
            (json!("1e9"), None),
            (json!("99999999999999999999"), None),
            (json!("9223372036854775807"), None),
            (json!(null), None),
            (json!(["1"]), None),
        ] {
            assert_eq!(micros(&value), expected, "{value}");
        }
    }
}
