//! Which component answers a path.
//!
//! Exact routes win over wildcards, longer prefixes over shorter ones, words over named segments;
//! a trailing slash is ignored. Of two equal routes the later one counts.

/// A route and its component, by index.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    segments: Vec<Segment>,
    wildcard: bool,
    /// As the manifest writes it.
    pub raw: String,
    /// With a leading slash and without a trailing one.
    pub based: String,
    pub component: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Word(String),
    Named(String),
}

/// A path that found its route.
#[derive(Debug)]
pub(crate) struct Match<'a> {
    pub route: &'a Route,
    /// What a wildcard stands for, with its leading slash.
    pub rest: String,
    /// What named segments stand for.
    pub named: Vec<(&'a str, String)>,
}

/// All routes, most specific first.
#[derive(Debug, Default)]
pub(crate) struct Router(Vec<Route>);

impl Router {
    pub(crate) fn new<'a>(routes: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let mut sorted: Vec<Route> = Vec::new();
        for (raw, component) in routes {
            let route = Route::parse(raw, component);
            if let Some(earlier) = sorted.iter_mut().find(|earlier| earlier.raw == route.raw) {
                tracing::warn!("route `{raw}` is given twice; the later one counts");
                *earlier = route;
            } else {
                sorted.push(route);
            }
        }
        sorted.sort_by_key(Route::rank);
        Self(sorted)
    }

    pub(crate) fn find(&self, path: &str) -> Option<Match<'_>> {
        self.0.iter().find_map(|route| route.matches(path))
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }
}

/// Where a segment stands in the order of choice.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Word,
    Named,
    End,
    Wildcard,
}

impl Route {
    fn parse(raw: &str, component: usize) -> Self {
        let slash = if raw.starts_with('/') { "" } else { "/" };
        let absolute = format!("{slash}{raw}");
        let based = absolute.strip_suffix('/').unwrap_or(&absolute).to_owned();
        let prefix = based
            .strip_suffix("/...")
            .or_else(|| based.strip_suffix("/*"));
        let segments = split(prefix.unwrap_or(&based))
            .map(|segment| match segment.strip_prefix(':') {
                Some(name) => Segment::Named(name.to_owned()),
                None => Segment::Word(segment.to_owned()),
            })
            .collect();
        Self {
            segments,
            wildcard: prefix.is_some(),
            raw: raw.to_owned(),
            based,
            component,
        }
    }

    /// The route that chaining pretends: everything belongs to the component.
    pub(crate) fn everything(component: usize) -> Self {
        Self::parse("/...", component)
    }

    /// The route as written, without its wildcard.
    pub(crate) fn raw_prefix(&self) -> &str {
        self.raw.strip_suffix("/...").unwrap_or(&self.raw)
    }

    fn rank(&self) -> Vec<Rank> {
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Word(_) => Rank::Word,
            Segment::Named(_) => Rank::Named,
        });
        segments
            .chain([if self.wildcard {
                Rank::Wildcard
            } else {
                Rank::End
            }])
            .collect()
    }

    pub(crate) fn matches<'a>(&'a self, path: &str) -> Option<Match<'a>> {
        let mut given = split(path);
        let mut named = Vec::new();
        for segment in &self.segments {
            let given = given.next()?;
            match segment {
                Segment::Word(word) if word == given => {}
                Segment::Word(_) => return None,
                Segment::Named(name) => named.push((name.as_str(), given.to_owned())),
            }
        }
        let mut rest = String::new();
        for segment in given {
            rest.push('/');
            rest.push_str(segment);
        }
        if !self.wildcard {
            return rest.is_empty().then_some(Match {
                route: self,
                rest,
                named,
            });
        }
        if path.ends_with('/') {
            rest.push('/');
        }
        Some(Match {
            route: self,
            rest,
            named,
        })
    }
}

/// The segments of a path, a leading and a trailing slash aside.
fn split(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').filter(move |_| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op2_routes_are_chosen_as_spin_chooses_them() {
        let routes = [
            "/",
            "/one",
            "/one/...",
            "/one/two/...",
            "/one/two/three",
            "/u/:id",
            "/u/me",
            "/u/:id/posts/...",
            "/...",
        ];
        let router = Router::new(
            routes
                .iter()
                .enumerate()
                .map(|(index, route)| (*route, index)),
        );
        // path, route, rest
        let cases = [
            ("/", "/", ""),
            ("/one", "/one", ""),
            ("/one/", "/one", ""),
            ("/one/x", "/one/...", "/x"),
            ("/one/two", "/one/two/...", ""),
            ("/one/two/", "/one/two/...", "/"),
            ("/one/two/three", "/one/two/three", ""),
            ("/one/two/three/four", "/one/two/...", "/three/four"),
            ("/u/me", "/u/me", ""),
            ("/u/7", "/u/:id", ""),
            ("/u/7/posts/1/", "/u/:id/posts/...", "/1/"),
            ("/other/x", "/...", "/other/x"),
        ];
        for (path, route, rest) in cases {
            let found = router.find(path).expect(path);
            assert_eq!(
                (found.route.raw.as_str(), found.rest.as_str()),
                (route, rest),
                "{path}"
            );
        }
        assert_eq!(router.find("/u/7").unwrap().named, [("id", "7".to_owned())]);
    }

    #[test]
    fn op2_paths_without_a_route_find_nothing() {
        let router = Router::new([("/one", 0), ("/two/...", 1)]);
        for path in ["/", "/onetwo", "/one/x", "/twox", "/TWO"] {
            assert!(router.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn op2_of_two_equal_routes_the_later_counts() {
        let router = Router::new([("/one", 0), ("/one", 1)]);
        assert_eq!(router.find("/one").unwrap().route.component, 1);
        assert_eq!(router.routes().count(), 1);
    }
}
