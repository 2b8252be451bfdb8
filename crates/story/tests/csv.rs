//! Story tables, good and bad.

use story::{limits, read_csv};

fn read(text: &str) -> Result<story::Story, String> {
    read_csv("story.csv", text.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn wf1_a_full_row_becomes_a_shot() {
    let story = read(
        "scene,shot,shot_size,camera_move,description,dialogue,duration_s,lighting,sound,transition,image\n\
         Harbour,2A,CU,Dolly in,\"A lamp, lit\",Hello?,3.5,moonlight,wind,cut to,ref.png\n",
    )
    .unwrap();
    let shot = &story.shots[0];
    assert_eq!((shot.scene.as_str(), shot.shot.as_str()), ("Harbour", "2A"));
    assert_eq!(shot.shot_size.as_deref(), Some("close-up"));
    assert_eq!(shot.camera_move.as_deref(), Some("dolly-in"));
    assert_eq!(shot.description, "A lamp, lit");
    assert_eq!(shot.dialogue.as_deref(), Some("Hello?"));
    assert_eq!(shot.duration_s, 3.5);
    assert_eq!(shot.lighting.as_deref(), Some("moonlight"));
    assert_eq!(shot.sound.as_deref(), Some("wind"));
    assert_eq!(shot.transition.as_deref(), Some("cut"));
    assert_eq!(shot.image.as_deref(), Some("ref.png"));
}

#[test]
fn wf1_what_spreadsheets_write_is_read() {
    for (what, text) in [
        ("byte-order mark", "\u{feff}description,duration_s\nsea,4\n"),
        ("CRLF", "description,duration_s\r\nsea,4\r\n"),
        ("semicolons", "description;duration_s\nsea;4\n"),
        ("decimal comma", "description;duration_s\nsea;4,0\n"),
        ("tabs", "description\tduration_s\nsea\t4\n"),
        ("a unit", "Description,Duration (s)\nsea,4 s\n"),
        ("aliases", "Action,Length\nsea,4\n"),
        ("another order", "duration_s,description\n4,sea\n"),
        ("empty rows", "description,duration_s\n\n,\nsea,4\n\n"),
        ("the default duration", "description,duration_s\nsea,\n"),
        ("no last line end", "description,duration_s\nsea,4"),
        ("a single column", "description\nsea\n"),
    ] {
        let story = read(text).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(story.shots.len(), 1, "{what}");
        assert_eq!(story.shots[0].description, "sea", "{what}");
        assert_eq!(story.shots[0].duration_s, 4.0, "{what}");
    }
}

#[test]
fn wf1_a_scene_goes_on_until_the_next_is_named() {
    let story = read("scene,description\n,a\nHarbour,b\n,c\n").unwrap();
    let scenes: Vec<_> = story.shots.iter().map(|shot| shot.scene.as_str()).collect();
    assert_eq!(scenes, ["1", "Harbour", "Harbour"]);
    let shots: Vec<_> = story.shots.iter().map(|shot| shot.shot.as_str()).collect();
    assert_eq!(shots, ["1", "2", "3"]);
}

#[test]
fn wf1_faults_are_named_with_line_and_column() {
    let head = "scene,shot,shot_size,camera_move,description,dialogue,duration_s\n";
    let long = "x".repeat(limits::CELL_CHARS + 1);
    let bound = "duration_s must be a number between 0.5 and 30, found";
    for (text, message) in [
        (String::new(), "story.csv: the file is empty; its first line must name the columns".into()),
        ("\n \n".into(), "story.csv: the file is empty".into()),
        (head.into(), "story.csv:1: there are no shots below the first line".into()),
        (format!("{head}1,1,,,a,,4\n1,2,,,b,,4\n1,3,,,c,,long\n"), format!("story.csv:4:7: {bound} \"long\"")),
        (format!("{head}1,1,,,a,,0\n"), format!("story.csv:2:7: {bound} \"0\"")),
        (format!("{head}1,1,,,a,,31\n"), format!("story.csv:2:7: {bound} \"31\"")),
        (format!("{head}1,1,,,a,,NaN\n"), format!("story.csv:2:7: {bound} \"NaN\"")),
        (format!("{head}1,1,,,a,,-4\n"), format!("story.csv:2:7: {bound} \"-4\"")),
        (format!("{head}\n\n1,1,,,a,,inf\n"), format!("story.csv:4:7: {bound} \"inf\"")),
        (format!("{head}1,1,,,\"two\nlines\",,4\n1,2,,,b,,x\n"), format!("story.csv:4:7: {bound} \"x\"")),
        (format!("{head}1,1,,,,,4\n"), "story.csv:2:5: description must not be empty".into()),
        (format!("{head}1,1,,,a,4\n"), "story.csv:2: the row has 6 cells and the first line names 7".into()),
        (format!("{head}1,1,,,a, b,,4\n"), "story.csv:2: the row has 8 cells and the first line names 7 columns; text with a comma in it goes in double quotes".into()),
        (format!("{head}1,1,,,\"a,,4\n"), "story.csv:2: the row has 5 cells".into()),
        (format!("{head}1,1,,,{long},,4\n"), "story.csv:2:5: description has 4001 characters, at most 4000".into()),
        (format!("{head}1,1,,,a\u{0}b,,4\n"), "story.csv:2:5: description holds a control character".into()),
        ("scene,discription\n1,a\n".into(), "story.csv:1:2: unknown column \"discription\"; the columns are scene, shot,".into()),
        ("description,action\na,b\n".into(), "story.csv:1:2: description is named twice".into()),
        ("scene,shot\n1,1\n".into(), "story.csv:1: there is no column description".into()),
    ] {
        let error = read(&text).expect_err(&text);
        assert!(error.starts_with(&message), "{text:?}\n  gave     {error}\n  expected {message}");
    }
}

#[test]
fn wf1_text_that_is_not_utf8_is_refused_at_its_cell() {
    let error = read_csv("s.csv", b"scene,description\n1,caf\xe9\n").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("s.csv:2:2: the text is not UTF-8"),
        "{error}"
    );
}

#[test]
fn wf1_stories_are_bounded() {
    let rows = |count: usize| format!("description\n{}", "a\n".repeat(count));
    assert_eq!(
        read(&rows(limits::SHOTS)).unwrap().shots.len(),
        limits::SHOTS
    );
    let error = read(&rows(limits::SHOTS + 1)).unwrap_err();
    assert_eq!(
        error,
        "story.csv:1002: more than 1000 shots; make several films of it"
    );
    let error = read(&"x".repeat(limits::FILE_BYTES + 1)).unwrap_err();
    assert!(error.contains("at most 1048576"), "{error}");
}

#[test]
fn wf1_the_example_is_a_story_of_six_shots() {
    let story = read_csv(
        "examples/story.csv",
        include_bytes!("../../../examples/story.csv"),
    )
    .unwrap();
    assert_eq!(story.shots.len(), 6);
    assert!(
        story
            .shots
            .iter()
            .all(|shot| (3.0..=4.0).contains(&shot.duration_s))
    );
    let different = |values: Vec<&Option<String>>| {
        values
            .iter()
            .collect::<std::collections::HashSet<_>>()
            .len()
    };
    assert!(different(story.shots.iter().map(|shot| &shot.shot_size).collect()) >= 4);
    assert!(different(story.shots.iter().map(|shot| &shot.camera_move).collect()) >= 4);
}
