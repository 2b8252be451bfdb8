//! Durations on the command line: `90s`, `15m`, `1h`, `1h30m`, `500ms`.

use std::time::Duration;

/// Reads one or more numbers with their units, the largest sensible being some 100 years.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration; write for example 90s, 15m or 1h30m");
    let mut rest = text.trim();
    let mut total_ms = 0u64;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part_ms = number.checked_mul(unit_ms).ok_or_else(wrong)?;
        total_ms = total_ms
            .checked_add(part_ms)
            .filter(|ms| *ms <= MOST_MS)
            .ok_or_else(wrong)?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total_ms))
}

/// 100 years: over it, sums of times would leave what fits.
const MOST_MS: u64 = 100 * 366 * 86_400_000;

/// `850 ms`, `12.3 s`, `2 min 05 s`.
pub fn show(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {:02} s", ms / 60_000, ms / 1_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op1_durations_are_numbers_with_units() {
        for (text, ms) in [
            ("500ms", Some(500)),
            ("90s", Some(90_000)),
            ("15m", Some(900_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("2d", Some(172_800_000)),
            ("", None),
            ("15", None),
            ("m", None),
            ("-1s", None),
            ("1.5h", None),
            ("1 fortnight", None),
            ("99999999999999999999s", None),
            ("9999999999d", None),
        ] {
            assert_eq!(parse(text).ok().map(|d| d.as_millis()), ms, "{text:?}");
        }
    }

    #[test]
    fn op1_durations_are_shown_for_people() {
        for (ms, text) in [(850, "850 ms"), (12_340, "12.3 s"), (125_000, "2 min 05 s")] {
            assert_eq!(show(Duration::from_millis(ms)), text);
        }
    }
}
