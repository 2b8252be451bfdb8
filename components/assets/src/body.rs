//! The bytes of a request as they come: the body itself, or the first file of a form.

use bytes::Bytes;
use futures::StreamExt;
use guest::Request;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use multer::{Constraints, Multipart, SizeLimit};
use problem::{Problem, Slug};

/// Fields before the file are small: names, not contents.
const FIELDS_BEFORE: usize = 16;

/// The client stopped before its end.
pub struct CutOff;

type Frames = futures::stream::BoxStream<'static, Result<Bytes, CutOff>>;

/// Bytes that come piece by piece.
pub struct Incoming {
    source: Source,
}

enum Source {
    Body(Frames),
    Form(multer::Field<'static>),
}

impl Incoming {
    /// The file in a request: of a form the first part with a file's name, else the whole body.
    pub async fn file(request: Request, limit: u64) -> Result<Self, Problem> {
        let form = form_boundary(request.headers());
        let incoming = Self::body(request);
        let Some(boundary) = form? else {
            return Ok(incoming);
        };
        let Source::Body(frames) = incoming.source else {
            return Ok(incoming);
        };
        let frames = frames.map(|frame| frame.map_err(|CutOff| std::io::Error::other("cut off")));
        // A little more than the file itself: what the form adds.
        let limits = SizeLimit::new().whole_stream(limit.saturating_add(1024 * 1024));
        let constraints = Constraints::new().size_limit(limits);
        let mut form = Multipart::with_constraints(frames, boundary, constraints);
        for _ in 0..FIELDS_BEFORE {
            match form.next_field().await {
                Ok(Some(field)) if field.file_name().is_some() => {
                    return Ok(Self {
                        source: Source::Form(field),
                    });
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Err(malformed(&error)),
            }
        }
        Err(Problem::new(Slug::BadRequest, "the form holds no file"))
    }

    pub fn body(request: Request) -> Self {
        let frames = request.into_body().into_data_stream();
        let frames = frames.map(|frame| frame.map_err(|_| CutOff));
        Self {
            source: Source::Body(frames.boxed()),
        }
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        match &mut self.source {
            Source::Body(frames) => match frames.next().await {
                None => Ok(None),
                Some(Ok(bytes)) => Ok(Some(bytes)),
                Some(Err(CutOff)) => Err(Stop::CutOff),
            },
            Source::Form(field) => field.chunk().await.map_err(|error| match error {
                multer::Error::StreamReadFailed(_) | multer::Error::IncompleteStream => {
                    Stop::CutOff
                }
                error => Stop::Refused(malformed(&error)),
            }),
        }
    }
}

/// Why no more bytes come.
pub enum Stop {
    CutOff,
    Refused(Problem),
}

impl From<Stop> for Problem {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::CutOff => Self::new(
                Slug::BadRequest,
                "the body ended before it was complete; nothing was kept",
            ),
            Stop::Refused(problem) => problem,
        }
    }
}

/// The boundary when the body is a form.
fn form_boundary(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let media_type = headers.get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let Some(media_type) = media_type else {
        return Ok(None);
    };
    if !media_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("multipart/form-data")
    {
        return Ok(None);
    }
    multer::parse_boundary(media_type)
        .map(Some)
        .map_err(|error| malformed(&error))
}

fn malformed(error: &multer::Error) -> Problem {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => {
            Problem::new(Slug::PayloadTooLarge, "the form is too large")
        }
        error => Problem::new(Slug::BadRequest, format!("the form: {error}")),
    }
}
