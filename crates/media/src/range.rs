//! `Range: bytes=…` (RFC 9110 section 14): one range or several of an object's bytes.

/// Ranges that a header may name; one with more is answered with the whole, as the RFC allows
/// (section 14.2), because long lists are attacks and no player sends them.
const MAX_SPECS: usize = 64;
/// Ranges that an answer has after those that touch were joined.
const MAX_PARTS: usize = 16;
/// Ranges with a smaller gap are sent as one: a part's own headers take about as many bytes.
const JOINED_GAP: u64 = 80;

/// Bytes `first .. first + length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: u64,
    pub length: u64,
}

impl Range {
    pub fn whole(size: u64) -> Self {
        Self {
            first: 0,
            length: size,
        }
    }
    /// The first byte behind it.
    pub fn end(&self) -> u64 {
        self.first + self.length
    }
    /// `bytes 0-99/1000`, the value of Content-Range.
    pub fn content_range(&self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.first, self.end() - 1)
    }
}

/// What a Range header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// No range that we read: the whole, as the RFC allows.
    Whole,
    One(Range),
    /// Two or more, in the order of the bytes, none touching another.
    Several(Vec<Range>),
    /// Well-formed ranges that all lie outside.
    Outside,
}

/// One spec of a header, read against an object's size.
enum Spec {
    Part(Range),
    Outside,
}

/// Reads the header against an object of `size` bytes.
pub fn parse(header: &str, size: u64) -> Wanted {
    let Some(specs) = header.trim().strip_prefix("bytes=") else {
        return Wanted::Whole;
    };
    let mut parts = Vec::new();
    for (number, spec) in specs.split(',').enumerate() {
        if number >= MAX_SPECS {
            return Wanted::Whole;
        }
        match spec_of(spec.trim(), size) {
            None => return Wanted::Whole,
            Some(Spec::Outside) => {}
            Some(Spec::Part(range)) => parts.push(range),
        }
    }
    let parts = joined(parts);
    match parts.as_slice() {
        [] => Wanted::Outside,
        [one] => Wanted::One(*one),
        several if several.len() > MAX_PARTS => Wanted::Whole,
        _ => Wanted::Several(parts),
    }
}

fn spec_of(spec: &str, size: u64) -> Option<Spec> {
    let (first, last) = spec.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number too large for us is beyond every object.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let (first, last) = (first.trim(), last.trim());
    match (number(first), number(last)) {
        (Some(_), None) if !last.is_empty() => None,
        (Some(first), Some(last)) if last < first => None,
        (Some(first), _) if first >= size => Some(Spec::Outside),
        (Some(first), last) => {
            let last = last.unwrap_or(u64::MAX).min(size - 1);
            let length = last - first + 1;
            Some(Spec::Part(Range { first, length }))
        }
        (None, Some(_)) if !first.is_empty() => None,
        (None, Some(0)) => Some(Spec::Outside),
        (None, Some(_)) if size == 0 => Some(Spec::Outside),
        (None, Some(suffix)) => {
            let length = suffix.min(size);
            let first = size - length;
            Some(Spec::Part(Range { first, length }))
        }
        (None, None) => None,
    }
}

/// Ranges that overlap, touch or nearly touch become one; the rest is put in order.
fn joined(mut parts: Vec<Range>) -> Vec<Range> {
    parts.sort_by_key(|range| range.first);
    let mut joined: Vec<Range> = Vec::new();
    for range in parts {
        match joined.last_mut() {
            Some(last) if range.first < last.end().saturating_add(JOINED_GAP) => {
                last.length = last.end().max(range.end()) - last.first;
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// A piece of the body of a `multipart/byteranges` answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Bytes(Range),
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Bytes(range) => range.length,
        }
    }
}

/// The body for several ranges (RFC 9110 section 14.6), and how long it is.
pub fn multipart(
    ranges: &[Range],
    size: u64,
    media_type: &str,
    boundary: &str,
) -> (Vec<Piece>, u64) {
    let mut pieces = Vec::new();
    for (number, range) in ranges.iter().enumerate() {
        let before = if number == 0 { "" } else { "\r\n" };
        let range_line = range.content_range(size);
        pieces.push(Piece::Text(format!(
            "{before}--{boundary}\r\ncontent-type: {media_type}\r\ncontent-range: {range_line}\r\n\r\n"
        )));
        pieces.push(Piece::Bytes(*range));
    }
    pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n")));
    let length = pieces.iter().map(Piece::length).sum();
    (pieces, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(first: u64, length: u64) -> Range {
        Range { first, length }
    }

    #[test]
    fn as2_one_range_by_a_table() {
        let one = |first, length| Wanted::One(range(first, length));
        let table = [
            ("bytes=0-99", 1000, one(0, 100)),
            ("bytes=900-", 1000, one(900, 100)),
            ("bytes=-100", 1000, one(900, 100)),
            ("bytes=-5000", 1000, one(0, 1000)),
            ("bytes=0-5000", 1000, one(0, 1000)),
            ("bytes=999-999", 1000, one(999, 1)),
            ("bytes=1000-", 1000, Wanted::Outside),
            ("bytes=99999999999999999999999-", 1000, Wanted::Outside),
            ("bytes=-0", 1000, Wanted::Outside),
            ("bytes=0-", 0, Wanted::Outside),
            ("bytes=5-2", 1000, Wanted::Whole),
            ("bytes=a-b", 1000, Wanted::Whole),
            ("bytes=-", 1000, Wanted::Whole),
            ("bytes=", 1000, Wanted::Whole),
            ("items=0-1", 1000, Wanted::Whole),
            ("", 1000, Wanted::Whole),
        ];
        for (header, size, expected) in table {
            assert_eq!(parse(header, size), expected, "{header} of {size}");
        }
    }

    #[test]
    fn as2_several_ranges_are_ordered_joined_and_bounded() {
        let several = |ranges: &[(u64, u64)]| {
            Wanted::Several(ranges.iter().map(|(a, b)| range(*a, *b)).collect())
        };
        let far: Vec<String> = (0..40)
            .map(|n| format!("{}-{}", n * 200, n * 200))
            .collect();
        let far = format!("bytes={}", far.join(","));
        let same = format!("bytes={}", vec!["0-9"; 60].join(","));
        let many = format!("bytes={}", vec!["0-9"; 65].join(","));
        let table: [(&str, Wanted); 10] = [
            ("bytes=0-9,500-509", several(&[(0, 10), (500, 10)])),
            ("bytes=500-509, 0-9", several(&[(0, 10), (500, 10)])),
            ("bytes=0-9,-10", several(&[(0, 10), (9990, 10)])),
            ("bytes=0-9,5-19", Wanted::One(range(0, 20))),
            ("bytes=0-9,10-19,20-", Wanted::One(range(0, 10_000))),
            ("bytes=0-9,60-69", Wanted::One(range(0, 70))),
            ("bytes=0-9,20000-", Wanted::One(range(0, 10))),
            (&far, Wanted::Whole),
            (&same, Wanted::One(range(0, 10))),
            (&many, Wanted::Whole),
        ];
        for (header, expected) in table {
            assert_eq!(parse(header, 10_000), expected, "{header}");
        }
        assert_eq!(parse("bytes=0-9,x", 10_000), Wanted::Whole);
        assert_eq!(parse("bytes=20000-,30000-", 10_000), Wanted::Outside);
    }

    #[test]
    fn as2_a_multipart_body_is_as_long_as_it_says() {
        let ranges = [range(0, 2), range(500, 3)];
        let (pieces, length) = multipart(&ranges, 1000, "image/png", "B");
        let mut body = Vec::new();
        for piece in &pieces {
            match piece {
                Piece::Text(text) => body.extend_from_slice(text.as_bytes()),
                Piece::Bytes(range) => {
                    body.extend(std::iter::repeat_n(b'x', range.length as usize))
                }
            }
        }
        let expected = "--B\r\ncontent-type: image/png\r\ncontent-range: bytes 0-1/1000\r\n\r\nxx\
            \r\n--B\r\ncontent-type: image/png\r\ncontent-range: bytes 500-502/1000\r\n\r\nxxx\
            \r\n--B--\r\n";
        assert_eq!(String::from_utf8(body).expect("text"), expected);
        assert_eq!(length, expected.len() as u64);
    }

    proptest! {
        /// Whatever is asked: what is given lies inside, in order, apart, and holds what was asked.
        #[test]
        fn as2_any_ranges_stay_within_the_object(
            size in 1_u64..5_000,
            asked in prop::collection::vec((0_u64..6_000, 0_u64..300), 1..20),
        ) {
            let specs: Vec<String> =
                asked.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
            let given = match parse(&format!("bytes={}", specs.join(",")), size) {
                Wanted::One(range) => vec![range],
                Wanted::Several(ranges) => ranges,
                Wanted::Whole => vec![Range::whole(size)],
                Wanted::Outside => vec![],
            };
            prop_assert!(given.iter().all(|range| range.length > 0 && range.end() <= size));
            prop_assert!(given.windows(2).all(|two| two[0].end() < two[1].first));
            for (first, more) in asked {
                for byte in [first, (first + more).min(size - 1)] {
                    let held = given.iter().any(|range| (range.first..range.end()).contains(&byte));
                    prop_assert!(first >= size || held, "byte {byte} of {given:?}");
                }
            }
        }
    }
}
