//! `clash film`, also when the stack dies in the middle of it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clash_tests::stack::{clash, finish};
use clash_tests::{Member, Stack};
use serde_json::Value;

const STORY: &str = "description,duration_s,camera_move\n\
A small red boat on a calm sea at dawn,1,push in\n\
\"A white lighthouse on a cliff, gulls in the sky\",1,pan left\n";
const NODES: [&str; 5] = [
    "shot-1-image",
    "shot-1-video",
    "shot-2-image",
    "shot-2-video",
    "film",
];
const LONG: Duration = Duration::from_secs(240);

struct Film {
    folder: tempfile::TempDir,
    state_dir: PathBuf,
}

impl Film {
    fn new(stack: &Stack) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(folder.path().join("two.csv"), STORY).expect("written");
        Self {
            folder,
            state_dir: stack.state_dir.clone(),
        }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn command(&self) -> Command {
        let mut command = clash(&["film", "--timeout", "4m", "--state-dir"]);
        command
            .arg(&self.state_dir)
            .arg("--out")
            .arg(self.out())
            .arg(self.folder.path().join("two.csv"));
        command
    }

    fn begin(&self) -> Child {
        self.command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("clash film starts")
    }

    /// Runs to the end, which must be good, and checks what it saved.
    fn make(&self) -> (String, Value) {
        let output = tokio::task::block_in_place(|| finish(self.command(), LONG));
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(output.status.code(), Some(0), "{said}");
        (said, check_files(&self.out()))
    }
}

fn check_files(out: &Path) -> Value {
    let film = std::fs::read(out.join("film.mp4")).expect("a film");
    assert!(
        film.len() > 10_000 && &film[4..8] == b"ftyp",
        "{} bytes",
        film.len()
    );
    for shot in 1..=2 {
        let picture = std::fs::read(out.join(format!("shot-{shot}.png"))).expect("a picture");
        assert!(picture.starts_with(b"\x89PNG"));
    }
    assert!(out.join("report.md").is_file());
    let report = std::fs::read(out.join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["state"], "finished");
    assert_eq!(
        report["nodes"].as_array().map(Vec::len),
        Some(NODES.len()),
        "{report:#}"
    );
    report
}

/// Joins the project of the film as soon as it is there.
async fn watch(stack: &Stack) -> Member {
    let token = stack.token("watcher", "viewer");
    clash_tests::eventually("the film's project", Duration::from_secs(60), || async {
        Member::try_join(stack, "two", &token).await.ok()
    })
    .await
}

fn finished(doc: &Value) -> Vec<&'static str> {
    NODES
        .into_iter()
        .filter(|node| doc["nodes"][node]["status"] == "fin")
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn op1_a_film_goes_on_after_the_stack_was_killed_and_finished_nodes_stay() {
    let stack = Stack::with_atelier().await;
    let film = Film::new(&stack);
    let mut first = film.begin();
    let mut watcher = watch(&stack).await;
    let before = watcher
        .until("a finished node", LONG, |doc| !finished(doc).is_empty())
        .await;
    stack.kill();
    first.kill().expect("the film ends too");
    first.wait().expect("it ends");
    stack.start_again();

    let token = stack.token("watcher", "viewer");
    let mut watcher = Member::rejoin(&stack, "two", &token, watcher.doc.clone())
        .await
        .expect("joined again");
    let (said, report) = film.make();
    assert!(
        said.contains("has this story"),
        "it goes on in the same project: {said}"
    );
    let after = watcher
        .until("all finished", LONG, |doc| {
            finished(doc).len() == NODES.len()
        })
        .await;
    let tasks = after["tasks"].as_object().expect("tasks");
    for node in finished(&before) {
        assert_eq!(
            after["nodes"][node]["src"], before["nodes"][node]["src"],
            "{node} stays"
        );
        let made = tasks.values().filter(|task| task["node"] == node).count();
        assert_eq!(made, 2, "{node} was made and described once: {tasks:#?}");
    }
    assert_eq!(report["project"], "two");

    // Once more: nothing is left to do.
    let (said, again) = film.make();
    assert!(said.contains("5 of 5 nodes are finished"), "{said}");
    assert!(
        again["nodes"]
            .as_array()
            .expect("nodes")
            .iter()
            .all(|node| node.get("waited_ms").is_none()),
        "{again:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rm13_a_film_survives_a_cut_in_the_middle() {
    let stack = Stack::with_atelier().await;
    let film = Film::new(&stack);
    let mut running = film.begin();
    let mut watcher = watch(&stack).await;
    watcher
        .until("something is asked for", LONG, |doc| {
            doc["nodes"]["shot-1-image"]["pendingTask"].is_string()
        })
        .await;
    stack.kill();
    stack.start_again();
    let status = tokio::task::spawn_blocking(move || running.wait())
        .await
        .expect("waited")
        .expect("it ends");
    assert_eq!(status.code(), Some(0));
    let report = check_files(&film.out());
    assert!(
        report["joins"].as_u64().is_some_and(|joins| joins >= 2),
        "{report:#}"
    );
}

#[test]
fn wf1_a_malformed_story_is_refused_by_line_and_column() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let story = folder.path().join("story.csv");
    for (text, place) in [
        ("description,duration_s\nA boat,3\nA ship,soon\n", ":3:2: "),
        ("description,colour\nA boat,red\n", ":1:2: "),
        ("description,duration_s\nA boat\n", ":2: "),
        ("", ": "),
    ] {
        std::fs::write(&story, text).expect("written");
        let mut command = clash(&["film", "--out"]);
        command.arg(folder.path().join("out")).arg(&story);
        let output = finish(command, Duration::from_secs(20));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("story.csv{place}")), "{said}");
    }
}
