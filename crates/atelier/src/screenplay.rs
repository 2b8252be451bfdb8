//! A small screenplay in Fountain form from the words of a prompt: templates and a seed, no model.

use crate::paint::noise::Rng;
use crate::paint::scene::{Place, Scene, Subject, Time};
use serde_json::{Map, Value};

/// Begins every text.
pub const NOTICE: &str =
    "[[Procedural outline by atelier: assembled from templates, not written by a model.]]";

/// Prompts are quoted up to here; longer ones are cut at a word.
const MAX_QUOTE: usize = 400;

pub fn write(prompt: &str, params: &Map<String, Value>, seed: u64) -> String {
    let scene = Scene::read(prompt, params, seed);
    let mut rng = Rng::new(seed ^ 0x7e87);
    let who = match scene.person() {
        Some(Subject::Child) => "THE CHILD",
        Some(Subject::Pair) => "THE TWO FRIENDS",
        _ if scene.has(Subject::Lighthouse) => "THE KEEPER",
        _ if scene.has(Subject::Boat) || scene.has(Subject::Ship) => "THE SAILOR",
        _ => "THE TRAVELLER",
    };
    let (place, inside) = match scene.place {
        Place::Sea => ("OPEN SEA", false),
        Place::Shore => ("SHORE", false),
        Place::Forest => ("FOREST", false),
        Place::Desert => ("DESERT", false),
        Place::City => ("CITY STREET", false),
        Place::Mountains => ("MOUNTAIN PASS", false),
        Place::Meadow => ("MEADOW", false),
        Place::Stair => ("TOWER STAIR", true),
        Place::Room | Place::Detail => ("ROOM", true),
        Place::Space => ("DEEP SPACE", false),
    };
    let hour = match scene.time {
        Time::Dawn => "DAWN",
        Time::Day => "DAY",
        Time::Golden => "AFTERNOON",
        Time::Dusk => "DUSK",
        Time::Night => "NIGHT",
    };
    let prefix = if inside { "INT." } else { "EXT." };
    let later = match scene.time {
        Time::Night => "DAWN",
        Time::Dusk => "NIGHT",
        _ => "DUSK",
    };
    let weather = if scene.weather.storm > 0.0 {
        "Thunder, close now."
    } else if scene.weather.rain > 0.0 {
        "Rain, steady and patient."
    } else if scene.weather.snow > 0.0 {
        "Snow comes down without a sound."
    } else if scene.weather.fog > 0.0 {
        "Fog has taken the edges of everything."
    } else {
        pick(
            &mut rng,
            &[
                "The air is still.",
                "A light wind.",
                "Far off, something creaks.",
            ],
        )
    };
    let action = pick(
        &mut rng,
        &[
            "waits, and listens",
            "turns towards the light",
            "takes one step, then another",
            "counts under the breath",
        ],
    );
    let want = pick(
        &mut rng,
        &[
            "It should have come by now.",
            "I said I would be here.",
            "There. Do you hear it?",
            "One more hour, then.",
        ],
    );
    let turn = pick(
        &mut rng,
        &[
            "A light answers from far away.",
            "What was lost lies there, as if it had always been.",
            "The sound stops. Somebody has arrived.",
            "The wind drops all at once.",
        ],
    );
    let end = pick(
        &mut rng,
        &[
            "For the first time, a smile.",
            "The light goes on burning.",
            "Nobody says a word; nobody needs to.",
            "Slowly, the picture empties.",
        ],
    );
    let quote = shorten(prompt.trim(), MAX_QUOTE);
    format!(
        "{NOTICE}\n\nTitle: {title}\n\n= {quote}\n\n{prefix} {place} - {hour}\n\n{quote}{stop} {weather}\n\n{who} {action}.\n\n{who}\n{want}\n\n{prefix} {place} - {later}\n\nThe same place, changed. {turn}\n\nCLOSE ON {who}. {end}\n\n> FADE OUT.\n",
        title = title(&quote),
        stop = if quote.ends_with(['.', '!', '?', '…']) {
            ""
        } else {
            "."
        },
    )
}

fn pick(rng: &mut Rng, options: &[&'static str]) -> &'static str {
    options[rng.index(options.len())]
}

/// The first words of the prompt, without a small word at the end.
fn title(prompt: &str) -> String {
    const SMALL: &[&str] = &[
        "a", "an", "the", "of", "at", "on", "in", "and", "to", "over", "with", "by", "for",
    ];
    let clean = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let mut words: Vec<String> = prompt
        .split_whitespace()
        .map(clean)
        .filter(|w| !w.is_empty())
        .take(5)
        .collect();
    while words
        .last()
        .is_some_and(|last| SMALL.contains(&last.to_lowercase().as_str()))
    {
        words.pop();
    }
    if words.is_empty() {
        "Untitled".to_owned()
    } else {
        words.join(" ")
    }
}

/// One line of at most `limit` characters.
fn shorten(text: &str, limit: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= limit {
        return line;
    }
    let cut: String = line.chars().take(limit).collect();
    let end = cut.rfind(' ').unwrap_or(cut.len());
    format!("{}…", &cut[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk14_a_screenplay_says_that_it_is_procedural_and_keeps_its_seed() {
        let prompt = "A lighthouse keeper climbs the spiral stair at dusk";
        let text = write(prompt, &Map::new(), 7);
        assert!(
            text.starts_with(NOTICE)
                && text.contains("INT. TOWER STAIR - DUSK")
                && text.contains(prompt)
        );
        assert_eq!(text, write(prompt, &Map::new(), 7));
    }

    #[test]
    fn tk14_long_and_odd_prompts_are_taken() {
        for prompt in ["", "   ", "…", &"é ".repeat(5_000), &"x".repeat(5_000)] {
            assert!(write(prompt, &Map::new(), 1).len() < 4_000);
        }
    }
}
