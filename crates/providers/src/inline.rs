//! Media inside of requests and answers, in base64.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::account::Unfit;
use crate::failure::{CallFailure, shortened};
use crate::report::Product;

/// The largest answer that is read where media come inside of it: a picture of 4096 × 4096 in PNG
/// is about 30 MB, and a third more in base64.
pub const INLINE_ANSWER_BYTES: usize = 48 * 1024 * 1024;

/// All media of one request together. Gemini has documented 20 MB for a whole request, which
/// these are in base64 with room for the prompt; nobody else that is asked here takes less.
pub const INLINE_BYTES: usize = 14 * 1024 * 1024;

/// The pictures that are taken from providers: what browsers show and thumbnails are made of.
const PICTURES: [&str; 3] = ["image/png", "image/jpeg", "image/webp"];

/// Some servers leave the padding out; nothing is lost by reading that.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An input whose bytes the caller has fetched.
#[derive(Clone, Copy)]
pub struct Inline<'a> {
    pub media_type: &'a str,
    pub bytes: &'a [u8],
}

impl std::fmt::Debug for Inline<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} ({} bytes)",
            self.media_type,
            self.bytes.len()
        )
    }
}

impl Inline<'_> {
    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    pub(crate) fn data_url(&self) -> String {
        format!("data:{};base64,{}", self.media_type, self.base64())
    }
}

/// That all of them are of `family` (`image`, `video`), and fit into one request.
pub(crate) fn check(inline: &[Inline], family: &str) -> Result<(), Unfit> {
    for medium in inline {
        if !is_of(medium.media_type, family) {
            return Err(Unfit::Job(format!(
                "an input is {:?}, but the provider takes only {family}s for this",
                shortened(medium.media_type)
            )));
        }
    }
    let bytes: usize = inline.iter().map(|medium| medium.bytes.len()).sum();
    if bytes > INLINE_BYTES {
        return Err(Unfit::Job(format!(
            "the inputs have {bytes} bytes together, and the provider takes {INLINE_BYTES}"
        )));
    }
    Ok(())
}

/// `<family>/<token>`: the type becomes a part of addresses, so nothing else may be in it.
fn is_of(media_type: &str, family: &str) -> bool {
    let subtype = media_type
        .strip_prefix(family)
        .and_then(|rest| rest.strip_prefix('/'));
    subtype.is_some_and(|subtype| {
        !subtype.is_empty()
            && subtype
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte))
    })
}

/// A picture as it stands in an answer. Where the provider does not name its type, its first
/// bytes do. What the bytes really are is looked at once more where they become an asset.
pub(crate) fn picture(base64: &str, named: Option<&str>) -> Result<Product, CallFailure> {
    let bytes = decode(base64)?;
    let media_type = match named {
        Some(named) => PICTURES.into_iter().find(|known| *known == named),
        None => by_first_bytes(&bytes),
    };
    let Some(media_type) = media_type else {
        let found = named.unwrap_or("of no known type");
        return Err(CallFailure::nonsense(format!(
            "a picture that is {}; taken are {}",
            shortened(found),
            PICTURES.join(", ")
        )));
    };
    Ok(Product {
        url: Some(format!(
            "data:{media_type};base64,{}",
            STANDARD.encode(bytes)
        )),
        media_type: Some(media_type.to_owned()),
        ..Product::default()
    })
}

/// A `data:` address of a picture or a video, in canonical form, and its media type.
pub(crate) fn data_url(text: &str) -> Result<(String, String), CallFailure> {
    let parts = text
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','));
    let media_type = parts.and_then(|(head, _)| head.strip_suffix(";base64"));
    let (Some((_, data)), Some(media_type)) = (parts, media_type) else {
        return Err(CallFailure::nonsense(
            "a data: address that is not data:<media type>;base64,<…>",
        ));
    };
    let media_type = media_type.to_ascii_lowercase();
    if !PICTURES.contains(&media_type.as_str())
        && !matches!(&*media_type, "image/gif" | "video/mp4" | "video/webm")
    {
        return Err(CallFailure::nonsense(format!(
            "a data: address of type {:?}",
            shortened(&media_type)
        )));
    }
    let data = STANDARD.encode(decode(data)?);
    Ok((format!("data:{media_type};base64,{data}"), media_type))
}

/// The bytes of a `data:` address of a result; None for any other address.
///
/// # Errors
/// It is none that results may have.
pub fn decoded(url: &str) -> Option<Result<Vec<u8>, CallFailure>> {
    let (_, base64) = url.strip_prefix("data:")?.split_once(',').unzip();
    Some(match base64 {
        Some(base64) => decode(base64),
        None => Err(CallFailure::nonsense("a data: address without data")),
    })
}

fn decode(base64: &str) -> Result<Vec<u8>, CallFailure> {
    match LENIENT.decode(base64) {
        Ok(bytes) if bytes.is_empty() => Err(CallFailure::nonsense("media of no bytes")),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(CallFailure::nonsense(format!(
            "media that are not base64 ({error})"
        ))),
    }
}

fn by_first_bytes(bytes: &[u8]) -> Option<&'static str> {
    let has = |from: usize, signature: &[u8]| {
        bytes
            .get(from..)
            .is_some_and(|rest| rest.starts_with(signature))
    };
    if has(0, b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if has(0, b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if has(0, b"RIFF") && has(8, b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}
