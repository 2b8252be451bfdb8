//! Which nodes and edges some operations changed, read from the operations themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use loro::{ContainerID, Index, JsonMapOp, JsonOp, JsonOpContent, LoroDoc, LoroValue};
use serde::Serialize;
use store::history::Span;

/// Operations that are looked at for one answer: a large paste, or some minutes of everybody.
pub const OPERATIONS: i32 = 20_000;

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Changed {
    Node(String),
    Edge(String),
    Task(String),
}

/// One thing that was changed, and which fields of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    #[serde(flatten)]
    pub changed: Changed,
    pub fields: Vec<String>,
}

/// Reads operations of a document that is checked out at its latest version.
pub struct Reader<'a> {
    document: &'a LoroDoc,
    places: HashMap<ContainerID, Option<Vec<String>>>,
    /// Operations that may still be looked at.
    left: i32,
}

impl<'a> Reader<'a> {
    pub fn new(document: &'a LoroDoc) -> Self {
        Self {
            document,
            places: HashMap::new(),
            left: OPERATIONS,
        }
    }

    /// Nothing more can be looked at.
    pub fn is_spent(&self) -> bool {
        self.left <= 0
    }

    /// What the operations of a span changed, and whether that is all of it.
    pub fn changes(&mut self, span: &Span) -> (Vec<Change>, bool) {
        let Ok(peer) = span.peer.parse() else {
            return (Vec::new(), true);
        };
        let to = span.to.min(span.from.saturating_add(self.left.max(0)));
        self.left -= to - span.from;
        let range = loro::IdSpan::new(peer, span.from, to);
        let mut found: BTreeMap<Changed, BTreeSet<String>> = BTreeMap::new();
        for change in self.document.export_json_in_id_span(range) {
            for operation in &change.ops {
                if let Some((changed, fields)) = self.read(operation) {
                    found.entry(changed).or_default().extend(fields);
                }
            }
        }
        let changes = found.into_iter().map(|(changed, fields)| Change {
            changed,
            fields: fields.into_iter().collect(),
        });
        (changes.collect(), to == span.to)
    }

    fn read(&mut self, operation: &JsonOp) -> Option<(Changed, Vec<String>)> {
        let mut place = self.place(&operation.container)?;
        let mut fields = Vec::new();
        if let JsonOpContent::Map(map) = &operation.content {
            let key = match map {
                JsonMapOp::Insert { key, value } => {
                    // A whole node as one plain value.
                    if let (1, LoroValue::Map(value)) = (place.len(), value) {
                        fields.extend(value.keys().map(|key| key.to_string()));
                    }
                    key
                }
                JsonMapOp::Delete { key } => key,
            };
            place.push(key.clone());
        }
        let mut place = place.into_iter();
        let (root, id) = (place.next()?, place.next()?);
        fields.extend(place.next());
        let changed = match root.as_str() {
            "nodes" => Changed::Node(id),
            "edges" => Changed::Edge(id),
            "tasks" => Changed::Task(id),
            _ => return None,
        };
        Some((changed, fields))
    }

    /// The keys from a root map down to a container; `None` for one that is not there any more.
    fn place(&mut self, container: &ContainerID) -> Option<Vec<String>> {
        if let Some(known) = self.places.get(container) {
            return known.clone();
        }
        let place = match container.parse_mergeable() {
            // Its name says where it is, also when it is not shown any more.
            Some((parent, key, _)) => self.place(&parent).map(|mut place| {
                place.push(key);
                place
            }),
            None => match container {
                ContainerID::Root { name, .. } => Some(vec![name.to_string()]),
                ContainerID::Normal { .. } => self.path(container),
            },
        };
        self.places.insert(container.clone(), place.clone());
        place
    }

    fn path(&self, container: &ContainerID) -> Option<Vec<String>> {
        let path = self.document.get_path_to_container(container)?;
        let keys = path.into_iter().map(|(_, index)| match index {
            Index::Key(key) => key.to_string(),
            Index::Seq(at) => at.to_string(),
            Index::Node(id) => id.to_string(),
        });
        Some(keys.collect())
    }
}
