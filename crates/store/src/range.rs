//! `Range: bytes=…` (RFC 9110 section 14), one range of an asset's bytes. Pure.

/// Bytes `first .. first + length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: u64,
    pub length: u64,
}

/// What a Range header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// No range that we read: the whole, as the RFC allows.
    Whole,
    Part(Range),
    /// A well-formed range that lies outside.
    Outside,
}

/// Reads the header against an object of `size` bytes. Several ranges are answered with the whole.
pub fn parse(header: &str, size: u64) -> Wanted {
    let Some(spec) = header.trim().strip_prefix("bytes=") else {
        return Wanted::Whole;
    };
    let Some((first, last)) = spec.split_once('-') else {
        return Wanted::Whole;
    };
    let number = |text: &str| {
        let text = text.trim();
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number too large for us is beyond every object.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (number(first), number(last)) {
        (Some(_), None) if !last.trim().is_empty() => Wanted::Whole,
        (Some(first), Some(last)) if last < first => Wanted::Whole,
        (Some(first), _) if first >= size => Wanted::Outside,
        (Some(first), last) => {
            let last = last.unwrap_or(u64::MAX).min(size - 1);
            let length = last - first + 1;
            Wanted::Part(Range { first, length })
        }
        (None, Some(_)) if !first.trim().is_empty() => Wanted::Whole,
        (None, Some(0)) => Wanted::Outside,
        (None, Some(_)) if size == 0 => Wanted::Outside,
        (None, Some(suffix)) => {
            let length = suffix.min(size);
            let first = size - length;
            Wanted::Part(Range { first, length })
        }
        (None, None) => Wanted::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as2_ranges_by_a_table() {
        let part = |first, length| Wanted::Part(Range { first, length });
        let table = [
            ("bytes=0-99", 1000, part(0, 100)),
            ("bytes=900-", 1000, part(900, 100)),
            ("bytes=-100", 1000, part(900, 100)),
            ("bytes=-5000", 1000, part(0, 1000)),
            ("bytes=0-5000", 1000, part(0, 1000)),
            ("bytes=999-999", 1000, part(999, 1)),
            ("bytes=1000-", 1000, Wanted::Outside),
            ("bytes=99999999999999999999999-", 1000, Wanted::Outside),
            ("bytes=-0", 1000, Wanted::Outside),
            ("bytes=0-", 0, Wanted::Outside),
            ("bytes=5-2", 1000, Wanted::Whole),
            ("bytes=0-1,5-6", 1000, Wanted::Whole),
            ("bytes=a-b", 1000, Wanted::Whole),
            ("bytes=-", 1000, Wanted::Whole),
            ("items=0-1", 1000, Wanted::Whole),
            ("", 1000, Wanted::Whole),
        ];
        for (header, size, expected) in table {
            assert_eq!(parse(header, size), expected, "{header} of {size}");
        }
    }
}
