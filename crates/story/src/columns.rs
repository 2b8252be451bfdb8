//! The columns of a story table and the other names that people give them.

use std::fmt;

/// A column, in the order of the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Scene,
    Shot,
    ShotSize,
    CameraMove,
    Description,
    Dialogue,
    DurationS,
    Lighting,
    Sound,
    Transition,
    Image,
}

/// Each column with its name first and then its aliases, as [`normal`] writes them.
const NAMES: [(Column, &[&str]); 11] = [
    (Column::Scene, &["scene", "scene_number", "scene_no", "sc"]),
    (
        Column::Shot,
        &["shot", "shot_number", "shot_no", "no", "number"],
    ),
    (
        Column::ShotSize,
        &["shot_size", "size", "framing", "shot_type"],
    ),
    (
        Column::CameraMove,
        &[
            "camera_move",
            "camera",
            "move",
            "movement",
            "camera_movement",
        ],
    ),
    (
        Column::Description,
        &["description", "action", "visual", "prompt", "picture"],
    ),
    (
        Column::Dialogue,
        &["dialogue", "dialog", "voice_over", "vo", "line"],
    ),
    (
        Column::DurationS,
        &[
            "duration_s",
            "duration",
            "seconds",
            "length",
            "length_s",
            "time_s",
        ],
    ),
    (Column::Lighting, &["lighting", "light"]),
    (Column::Sound, &["sound", "audio", "sfx", "music"]),
    (Column::Transition, &["transition", "cut"]),
    (Column::Image, &["image", "reference", "reference_image"]),
];

impl Column {
    /// Finds the column that a heading means: case, spaces, `-` and a unit in brackets do not matter.
    pub(crate) fn find(heading: &str) -> Option<Self> {
        let heading = normal(heading);
        NAMES
            .iter()
            .find(|(_, names)| names.contains(&heading.as_str()))
            .map(|(column, _)| *column)
    }

    pub fn name(self) -> &'static str {
        NAMES[self as usize].1[0]
    }

    pub(crate) fn names() -> String {
        NAMES.map(|(_, names)| names[0]).join(", ")
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `Shot Size` → `shot_size`, `Duration (s)` → `duration_s`.
fn normal(heading: &str) -> String {
    let words = heading
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wf1_columns_are_found_by_their_names_and_aliases() {
        for (index, (column, _)) in NAMES.iter().enumerate() {
            assert_eq!(*column as usize, index, "{column} is out of its place");
        }
        for (heading, column) in [
            ("scene", Some(Column::Scene)),
            ("Shot Size", Some(Column::ShotSize)),
            ("CAMERA-MOVE", Some(Column::CameraMove)),
            (" Duration (s) ", Some(Column::DurationS)),
            ("Action", Some(Column::Description)),
            ("discription", None),
            ("", None),
        ] {
            assert_eq!(Column::find(heading), column, "{heading:?}");
        }
    }
}
