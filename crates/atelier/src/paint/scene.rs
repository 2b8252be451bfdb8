//! What a prompt asks for, as far as its words say: place, time, weather, subjects, framing.
//! This is a word list, not understanding; what no word says is chosen by the seed.

use super::noise::Rng;
use super::words::Words;
use serde_json::{Map, Value};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Time {
    Dawn,
    Day,
    Golden,
    Dusk,
    Night,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Sea,
    Shore,
    Forest,
    Desert,
    City,
    Mountains,
    Meadow,
    Stair,
    Room,
    Detail,
    Space,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shot {
    Wide,
    Medium,
    Close,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    Lighthouse,
    Boat,
    Ship,
    House,
    Tree,
    Person,
    Child,
    Pair,
    Birds,
    Lamp,
    Candle,
    Fire,
    Book,
    Door,
}

#[derive(Clone, Debug, Default)]
pub struct Weather {
    pub cloud: f32,
    pub storm: f32,
    pub rain: f32,
    pub snow: f32,
    pub fog: f32,
    pub snow_ground: bool,
}

#[derive(Clone, Debug)]
pub struct Scene {
    pub seed: u64,
    pub time: Time,
    pub place: Place,
    pub shot: Shot,
    pub weather: Weather,
    pub subjects: Vec<Subject>,
    pub dark: bool,
    pub calm: bool,
    pub far: bool,
    pub moon: bool,
    pub window: bool,
    pub sail: bool,
    /// A colour named beside a boat: its hull.
    pub hull: Option<u32>,
}

impl Scene {
    pub fn has(&self, subject: Subject) -> bool {
        self.subjects.contains(&subject)
    }

    pub fn person(&self) -> Option<Subject> {
        self.subjects
            .iter()
            .copied()
            .find(|s| matches!(s, Subject::Person | Subject::Child | Subject::Pair))
    }

    pub fn read(prompt: &str, params: &Map<String, Value>, seed: u64) -> Self {
        let mut text = prompt.to_lowercase();
        for key in ["lighting", "sound", "style", "description"] {
            if let Some(more) = params.get(key).and_then(Value::as_str) {
                text.push(' ');
                text.push_str(&more.to_lowercase());
            }
        }
        let words = Words::of(&text);
        let mut rng = Rng::new(seed ^ 0x5ce4e);
        let subjects = subjects(&words);
        let shot = shot(&words, params);
        let weather = weather(&words, &mut rng);
        let place = place(&words, &subjects, shot, &mut rng);
        let time = time(&words, &weather, &mut rng);
        Self {
            seed,
            time,
            place,
            shot,
            weather,
            dark: words.any("dark dim gloomy shadow shadowy black"),
            calm: words.any("calm still glassy quiet gentle smooth mirror"),
            far: words.any("far distant tiny small lone lonely alone away little"),
            moon: words.any("moon moonlit moonlight moonrise crescent"),
            window: words.any("window windows pane glass"),
            sail: words.any("sail sailboat sailing yacht"),
            hull: hull(&words),
            subjects,
        }
    }
}

/// The colour word right before, or one word before, a boat.
fn hull(words: &Words) -> Option<u32> {
    const COLOURS: &[(&str, u32)] = &[
        ("red", 0xa3241c),
        ("blue", 0x234f8c),
        ("green", 0x2c5f3a),
        ("yellow", 0xc79a22),
        ("white", 0xd8d4ca),
        ("black", 0x15151a),
        ("orange", 0xc25a1c),
    ];
    let at = words.first("boat sailboat rowboat dinghy skiff canoe yacht kayak ship")?;
    COLOURS
        .iter()
        .filter_map(|(name, code)| words.first(name).map(|found| (found, *code)))
        .find(|(found, _)| *found < at && at - found <= 3)
        .map(|(_, code)| code)
}

fn shot(words: &Words, params: &Map<String, Value>) -> Shot {
    let given = params
        .get("shot_size")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_lowercase();
    let given = given.trim();
    let close = ["close", "cu", "ecu", "mcu", "detail", "insert", "macro"];
    if close.iter().any(|w| given == *w || given.contains("close")) {
        return Shot::Close;
    }
    if matches!(given, "ms" | "mls" | "cowboy" | "two shot") || given.contains("medium") {
        return Shot::Medium;
    }
    if !given.is_empty() {
        return Shot::Wide;
    }
    if words.text.trim_start().starts_with("close")
        || words.any("closeup macro")
        || words.text.contains("close-up")
        || words.text.contains("close up")
        || words.text.contains("close on")
    {
        Shot::Close
    } else if words.text.contains("medium shot") {
        Shot::Medium
    } else {
        Shot::Wide
    }
}

fn subjects(words: &Words) -> Vec<Subject> {
    const LISTS: &[(Subject, &str)] = &[
        (Subject::Lighthouse, "lighthouse beacon"),
        (
            Subject::Ship,
            "ship schooner galleon vessel frigate steamer freighter trawler",
        ),
        (
            Subject::Boat,
            "boat sailboat sail rowboat dinghy skiff canoe fisherman yacht kayak",
        ),
        (
            Subject::House,
            "house cottage cabin hut farm farmhouse village home barn church shack inn",
        ),
        (Subject::Tree, "tree oak willow birch baobab"),
        (Subject::Pair, "couple friends lovers sisters brothers pair"),
        (Subject::Child, "child children boy girl kid son daughter"),
        (
            Subject::Person,
            "person man woman keeper figure traveller traveler wanderer sailor stranger hero heroine father mother he she someone lady soldier knight detective artist writer dancer captain shepherd hiker walker farmer rider pilgrim monk king queen lia mara tom anna",
        ),
        (
            Subject::Birds,
            "bird gull seagull crow raven swallow swan goose geese flock heron",
        ),
        (Subject::Lamp, "lamp lantern lens"),
        (Subject::Candle, "candle candlelight taper"),
        (
            Subject::Fire,
            "fire campfire bonfire flames hearth fireplace",
        ),
        (
            Subject::Book,
            "book letter page diary journal notebook map logbook paper",
        ),
        (Subject::Door, "door doorway gate"),
    ];
    let mut found: Vec<(usize, Subject)> = LISTS
        .iter()
        .filter_map(|(subject, list)| words.first(list).map(|at| (at, *subject)))
        .collect();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, subject)| subject).collect()
}

fn place(words: &Words, subjects: &[Subject], shot: Shot, rng: &mut Rng) -> Place {
    const LISTS: &[(Place, &str)] = &[
        (Place::Stair, "stair stairs staircase stairwell stairway"),
        (
            Place::Space,
            "space galaxy planet nebula orbit cosmos spaceship asteroid",
        ),
        (
            Place::Room,
            "room kitchen bedroom interior library cellar attic study desk table corridor hall indoors inside studio office gallery workshop tavern lamproom window",
        ),
        (
            Place::Shore,
            "bay lake harbour harbor shore coast beach pier dock lagoon river fjord island cliff cliffs pond port cove headland rocks",
        ),
        (
            Place::Sea,
            "sea ocean wave swell tide surf deep horizon sail",
        ),
        (Place::Desert, "desert dune sand sahara oasis"),
        (
            Place::City,
            "city street town skyline skyscraper building tower rooftop alley downtown metropolis neon traffic",
        ),
        (
            Place::Forest,
            "forest wood woods jungle grove pine firs trees glade",
        ),
        (
            Place::Mountains,
            "mountain mountains peak hill hills valley ridge summit alps snow snowy ice glacier winter",
        ),
        (
            Place::Meadow,
            "meadow field fields grass plain farm prairie garden road path village orchard flowers spring",
        ),
    ];
    let indoor_thing = subjects
        .iter()
        .any(|s| matches!(s, Subject::Lamp | Subject::Candle | Subject::Book));
    if words.first(LISTS[0].1).is_some() {
        return Place::Stair;
    }
    if shot == Shot::Close && indoor_thing {
        return Place::Detail;
    }
    for (place, list) in LISTS {
        if words.first(list).is_some() {
            return *place;
        }
    }
    for subject in subjects {
        match subject {
            Subject::Boat | Subject::Ship => return Place::Sea,
            Subject::Lighthouse => return Place::Shore,
            Subject::Lamp | Subject::Candle | Subject::Book | Subject::Door => return Place::Room,
            Subject::House | Subject::Tree => return Place::Meadow,
            Subject::Birds => return Place::Shore,
            Subject::Person | Subject::Child | Subject::Pair | Subject::Fire => {}
        }
    }
    let open = [
        Place::Shore,
        Place::Forest,
        Place::Mountains,
        Place::Meadow,
        Place::Desert,
        Place::City,
        Place::Sea,
    ];
    open[rng.index(open.len())]
}

fn weather(words: &Words, rng: &mut Rng) -> Weather {
    let storm = if words.any("storm stormy tempest thunder lightning gale hurricane squall") {
        1.0
    } else {
        0.0
    };
    let snow = words.any("snow snowy snowfall snowing blizzard flakes");
    let rain = if words.any("rain rainy raining downpour drizzle rainfall wet") {
        1.0
    } else if storm > 0.0 {
        0.35
    } else {
        0.0
    };
    let clouds = if words.any("cloud cloudy overcast grey gray") {
        0.62
    } else if words.any("clear cloudless blue") {
        0.12
    } else {
        rng.range(0.25, 0.5)
    };
    Weather {
        cloud: if storm > 0.0 {
            0.9
        } else if rain > 0.0 {
            0.8
        } else {
            clouds
        },
        storm,
        rain,
        snow: if snow { 1.0 } else { 0.0 },
        fog: if words.any("fog foggy mist misty haze hazy") {
            0.8
        } else {
            0.0
        },
        snow_ground: snow || words.any("winter ice glacier frozen frost arctic"),
    }
}

fn time(words: &Words, weather: &Weather, rng: &mut Rng) -> Time {
    const LISTS: &[(Time, &str)] = &[
        (Time::Dawn, "dawn sunrise daybreak morning dawning"),
        (Time::Dusk, "dusk sunset twilight evening nightfall sundown"),
        (
            Time::Night,
            "night midnight moonlit moonlight moon stars starry starlight dark neon",
        ),
        (Time::Golden, "golden afternoon autumn amber warm"),
        (
            Time::Day,
            "day noon daylight sunny bright midday summer blue",
        ),
    ];
    let mut best: Option<(usize, Time)> = None;
    for (time, list) in LISTS {
        // "dark" names the mood of a storm more often than the hour.
        let list = if weather.storm > 0.0 {
            list.replace(" dark", "")
        } else {
            (*list).to_owned()
        };
        if let Some(at) = words.first(&list)
            && best.is_none_or(|(first, _)| at < first)
        {
            best = Some((at, *time));
        }
    }
    best.map_or_else(
        || {
            [
                Time::Dawn,
                Time::Day,
                Time::Golden,
                Time::Dusk,
                Time::Golden,
                Time::Night,
            ][rng.index(6)]
        },
        |(_, time)| time,
    )
}
