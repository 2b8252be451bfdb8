//! The words of the trade, in the spellings that people use, brought to one form.

/// Lower-case words joined by `-`, with common abbreviations and synonyms replaced.
/// A word that is not in the list is the author's own and stays.
fn slug(text: &str, synonyms: &[(&str, &str)]) -> String {
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let slug = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    let known = synonyms.iter().find(|(from, _)| *from == slug);
    known.map_or(slug, |(_, to)| (*to).to_owned())
}

pub fn shot_size(text: &str) -> String {
    slug(
        text,
        &[
            ("ews", "extreme-wide"),
            ("els", "extreme-wide"),
            ("extreme-wide-shot", "extreme-wide"),
            ("extreme-long-shot", "extreme-wide"),
            ("establishing", "extreme-wide"),
            ("establishing-shot", "extreme-wide"),
            ("ws", "wide"),
            ("ls", "wide"),
            ("wide-shot", "wide"),
            ("long-shot", "wide"),
            ("long", "wide"),
            ("fs", "full"),
            ("full-shot", "full"),
            ("ms", "medium"),
            ("medium-shot", "medium"),
            ("mcu", "medium-close-up"),
            ("medium-close", "medium-close-up"),
            ("cu", "close-up"),
            ("close", "close-up"),
            ("closeup", "close-up"),
            ("ecu", "extreme-close-up"),
            ("xcu", "extreme-close-up"),
            ("extreme-closeup", "extreme-close-up"),
            ("extreme-close", "extreme-close-up"),
        ],
    )
}

/// Only what clearly means the same is brought together: providers know moves of their own.
pub fn camera_move(text: &str) -> String {
    slug(
        text,
        &[
            ("none", "static"),
            ("fixed", "static"),
            ("still", "static"),
            ("locked", "static"),
            ("locked-off", "static"),
            ("push", "push-in"),
            ("pull", "pull-out"),
            ("pull-back", "pull-out"),
            ("truck-left", "track-left"),
            ("truck-right", "track-right"),
        ],
    )
}

pub fn transition(text: &str) -> String {
    slug(
        text,
        &[
            ("cut-to", "cut"),
            ("hard-cut", "cut"),
            ("cross-dissolve", "dissolve"),
            ("crossfade", "dissolve"),
            ("cross-fade", "dissolve"),
            ("dissolve-to", "dissolve"),
            ("fade", "fade-out"),
            ("fade-to-black", "fade-out"),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wf1_spellings_of_the_trade_come_to_one_form() {
        for (from, to) in [
            ("EWS", "extreme-wide"),
            ("Close-Up", "close-up"),
            ("medium close up", "medium-close-up"),
            ("Over the shoulder", "over-the-shoulder"),
        ] {
            assert_eq!(shot_size(from), to, "{from}");
        }
        for (from, to) in [
            ("Push", "push-in"),
            ("Dolly In", "dolly-in"),
            ("pan left", "pan-left"),
            ("handheld", "handheld"),
        ] {
            assert_eq!(camera_move(from), to, "{from}");
        }
        for (from, to) in [("CUT TO:", "cut"), ("Fade to black", "fade-out")] {
            assert_eq!(transition(from), to, "{from}");
        }
    }
}
