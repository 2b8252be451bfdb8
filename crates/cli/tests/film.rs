//! `clash film` against a platform that cuts, forgets, fails and refuses.

mod support;

use std::path::Path;

use support::maker::{map, text};
use support::platform::Platform;
use support::{Ended, clash, state_dir};

const STORY: &str = "description,duration_s\nA lighthouse,3\nA boat,4\n";

struct Set {
    directory: tempfile::TempDir,
    platform: Platform,
}

impl Set {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        state_dir(directory.path());
        std::fs::write(directory.path().join("story.csv"), STORY).expect("written");
        Self {
            directory,
            platform: Platform::start().await,
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    async fn film(&self, more: &[&str]) -> Ended {
        let mut command = clash(self.path());
        command
            .args([
                "film",
                "story.csv",
                "--out",
                "out",
                "--url",
                &self.platform.url,
            ])
            .args(more);
        tokio::task::spawn_blocking(move || Ended::from(command.output().expect("the binary runs")))
            .await
            .expect("it ran")
    }

    fn report(&self) -> serde_json::Value {
        let bytes = std::fs::read(self.path().join("out/report.json")).expect("a report");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    fn made(&self, room: &str, node: &str) -> usize {
        let key = (room.to_owned(), node.to_owned());
        self.platform.state().made.get(&key).copied().unwrap_or(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wf1_a_story_becomes_a_film() {
    let set = Set::new().await;
    let ended = set.film(&[]).await;
    ended.expect(
        0,
        &[
            "2 shots, 7.0 s",
            "project story at http://127.0.0.1:",
            "the film is finished",
        ],
    );
    assert!(
        ended
            .stdout
            .starts_with("Film:    out/film.mp4 (7.0 s, 17 B), made in "),
        "{}",
        ended.stdout
    );
    for (file, bytes) in [
        ("film.mp4", "video/mp4 of film"),
        ("shot-1.png", "image/png of shot-1-image"),
        ("shot-2.png", "image/png of shot-2-image"),
    ] {
        let saved = std::fs::read_to_string(set.path().join("out").join(file)).expect(file);
        assert_eq!(saved, bytes);
    }
    let report = set.report();
    assert_eq!(report["state"], "finished");
    assert_eq!(report["project"], "story");
    assert_eq!(report["nodes"].as_array().map(Vec::len), Some(5));
    assert_eq!(report["nodes"][0]["made_ms"], 2_500);
    assert_eq!(report["nodes"][0]["description"], "what shot-1-image shows");
    assert_eq!(report["nodes"][4]["file"]["path"], "film.mp4");
    let markdown = std::fs::read_to_string(set.path().join("out/report.md")).expect("a report");
    assert!(
        markdown.contains("| film | finished | 2.5 s |"),
        "{markdown}"
    );
    let left_over = std::fs::read_dir(set.path().join("out"))
        .expect("listed")
        .count();
    assert_eq!(
        left_over, 5,
        "nothing but the film, two pictures and two reports is left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rm13_a_socket_cut_in_mid_film_is_joined_again() {
    let set = Set::new().await;
    set.platform.state().faults.cut_after = Some(2);
    let ended = set.film(&[]).await;
    ended.expect(0, &["the connection is lost", "joined again, going on"]);
    assert_eq!(set.report()["joins"], 2);
    for node in ["shot-1-image", "shot-2-video", "film"] {
        assert_eq!(set.made("story", node), 1, "{node}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rm2_an_edit_without_an_ack_is_sent_again_after_the_rejoin() {
    let set = Set::new().await;
    set.platform.state().faults.lose_first_update = true;
    set.film(&[]).await.expect(0, &["Film:"]);
    assert_eq!(set.report()["joins"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm5_an_edit_that_came_too_fast_is_sent_again_later() {
    let set = Set::new().await;
    set.platform.state().faults.ack = Some(0x06);
    set.film(&[]).await.expect(0, &["Film:"]);
    assert_eq!(set.report()["joins"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wf2_running_again_asks_only_for_what_failed() {
    let set = Set::new().await;
    set.platform
        .state()
        .faults
        .fail
        .insert("shot-2-image".into());
    let ended = set.film(&[]).await;
    ended.expect(
        1,
        &[
            "shot-2-image: the brush broke",
            "3 of 5 nodes are not finished",
            "clash film story.csv --out out",
        ],
    );
    assert!(!set.path().join("out/film.mp4").exists());
    assert!(
        set.path().join("out/shot-1.png").exists(),
        "what is there is saved"
    );
    assert_eq!(set.report()["state"], "failed");

    let ended = set.film(&[]).await;
    ended.expect(
        0,
        &["2 of 5 nodes are finished, 3 asked for again", "Film:"],
    );
    for (node, times) in [
        ("shot-1-image", 1),
        ("shot-1-video", 1),
        ("shot-2-image", 1),
        ("film", 1),
    ] {
        assert_eq!(set.made("story", node), times, "{node}");
    }

    let ended = set.film(&[]).await;
    ended.expect(0, &["5 of 5 nodes are finished", "made in an earlier run"]);
    assert_eq!(
        set.made("story", "film"),
        1,
        "a finished film is not made again"
    );
    assert_eq!(set.platform.state().rooms["story"].joins, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn wf1_another_story_gets_a_project_of_its_own() {
    let set = Set::new().await;
    set.film(&[]).await.expect(0, &[]);
    std::fs::write(set.path().join("story.csv"), "description\nA gull\n").expect("written");
    set.film(&["--project", "story"])
        .await
        .expect(1, &["the film of another story"]);
    set.film(&[]).await.expect(0, &["project story-2 at"]);
    set.film(&["--fresh"])
        .await
        .expect(0, &["project story-3 at"]);
    let state = set.platform.state();
    let nodes = state.rooms["story-2"].doc.get_map("nodes");
    assert_eq!(
        text(&map(&nodes, "shot-1-prompt"), "prompt").as_deref(),
        Some("A gull.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rm3_a_backfill_in_fragments_is_put_together() {
    let set = Set::new().await;
    set.film(&[]).await.expect(0, &[]);
    set.platform.state().faults.fragment_bytes = Some(100);
    set.film(&[])
        .await
        .expect(0, &["5 of 5 nodes are finished"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm6_a_reader_is_told_that_it_may_not_write() {
    let set = Set::new().await;
    set.platform.state().faults.read_only = true;
    set.film(&[])
        .await
        .expect(1, &["may read the room but not write", "editor or admin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm6_a_refused_edit_is_final() {
    let set = Set::new().await;
    set.platform.state().faults.ack = Some(0x03);
    set.film(&[])
        .await
        .expect(1, &["refused an edit: permission denied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gw2_a_refused_token_is_one_sentence_with_a_remedy() {
    let set = Set::new().await;
    set.platform.state().faults.unauthorized = true;
    set.film(&[]).await.expect(
        1,
        &["401 Unauthorized: the token is not valid", "--state-dir"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wf1_what_is_not_ready_in_time_is_named() {
    let set = Set::new().await;
    set.platform
        .state()
        .faults
        .never
        .insert("shot-1-video".into());
    let ended = set.film(&["--timeout", "2s"]).await;
    ended.expect(
        1,
        &[
            "not ready in time: the clip of shot 1, the film",
            "--timeout",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn as2_a_damaged_download_is_not_saved() {
    let set = Set::new().await;
    set.platform.state().faults.damage = true;
    set.film(&[]).await.expect(1, &["arrived damaged"]);
    assert!(!set.path().join("out/shot-1.png").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn op1_a_platform_that_is_not_there_is_one_sentence_with_a_remedy() {
    let set = Set::new().await;
    let more = ["--url", "http://127.0.0.1:9"];
    let mut command = clash(set.path());
    command
        .args(["film", "story.csv", "--out", "out"])
        .args(more);
    let ended = Ended::from(command.output().expect("the binary runs"));
    ended.expect(1, &["nothing answers at http://127.0.0.1:9", "clash up"]);
}
