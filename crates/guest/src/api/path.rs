//! Path templates such as `/api/projects/{id}`.

/// A template, taken apart.
pub struct Pattern(Vec<Segment>);

enum Segment {
    Word(String),
    Parameter(String),
}

impl Pattern {
    pub fn new(template: &str) -> Self {
        let segments = crate::path_segments(template).into_iter().map(|segment| {
            let name = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            match name {
                Some(name) => Segment::Parameter(name.to_owned()),
                None => Segment::Word(segment.to_owned()),
            }
        });
        Self(segments.collect())
    }

    /// The parameters, percent-decoded, when the path is one of this template.
    pub fn matches(&self, segments: &[&str]) -> Option<Vec<(String, String)>> {
        if segments.len() != self.0.len() {
            return None;
        }
        let mut parameters = Vec::new();
        for (pattern, segment) in self.0.iter().zip(segments) {
            match pattern {
                Segment::Word(word) if word == segment => {}
                Segment::Word(_) => return None,
                Segment::Parameter(name) => {
                    parameters.push((name.clone(), crate::request::percent_decode_path(segment)));
                }
            }
        }
        Some(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw5_templates_match_whole_paths() {
        let table = [
            ("/api/projects/{id}", "/api/projects/p1", Some("p1")),
            ("/api/projects/{id}", "/api/projects/a%2Fb+c", Some("a/b+c")),
            ("/api/projects/{id}", "/api/projects", None),
            ("/api/projects/{id}", "/api/projects/p1/members", None),
            ("/api/projects/{id}", "/api/tasks/p1", None),
        ];
        for (template, path, expected) in table {
            let found = Pattern::new(template).matches(&crate::path_segments(path));
            let found = found.map(|parameters| parameters[0].1.clone());
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }
}
