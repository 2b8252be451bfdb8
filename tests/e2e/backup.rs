//! RM14: a project in one file, from one stack into another.

use std::time::Duration;

use clash_tests::stack::{clash, finish};
use clash_tests::{Api, Member, Stack};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const SOON: Duration = Duration::from_secs(10);
const COMMAND: Duration = Duration::from_secs(60);

/// Runs a command with a stack, and gives its exit code and what it said.
fn run(stack: &Stack, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = clash(arguments);
    command.arg("--state-dir").arg(&stack.state_dir);
    let output = tokio::task::block_in_place(|| finish(command, COMMAND));
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

async fn upload(api: &Api, project: &str, bytes: &[u8]) -> String {
    let path = format!("/api/assets?project={project}");
    let request = api.request(Method::POST, &path).body(bytes.to_vec());
    let request = request.header("content-type", "application/octet-stream");
    let reply = api.send(request).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["src"].as_str().expect("a src").to_owned()
}

/// A project with a picture on its canvas, edits of two people and a version; the picture's bytes.
async fn film(stack: &Stack) -> (String, Vec<u8>) {
    let project = stack.project("film").await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| (at / 7) as u8).collect();
    let api = stack.api("alice", "editor");
    let src = upload(&api, &project, &bytes).await;
    let mut alice = Member::join(stack, &project, &stack.token("alice", "editor")).await;
    let mut bob = Member::join(stack, &project, &stack.token("bob", "editor")).await;
    alice
        .set_node("i", json!({"type": "note", "src": src, "title": "then"}))
        .await;
    let path = format!("/api/projects/{project}/versions");
    let made = api.post(&path, &json!({"name": "First cut"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    bob.until("i", SOON, |doc| doc["nodes"].get("i").is_some())
        .await;
    bob.set_node("i", json!({"title": "now"})).await;
    (project, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn rm14_a_project_moves_to_another_stack_in_one_file() {
    let (here, there) = (Stack::start().await, Stack::start().await);
    let (project, bytes) = film(&here).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("film.tar");
    let file = file.to_str().expect("a path");
    let (code, said) = run(
        &here,
        &["backup", "--project", &project, "--assets", "--out", file],
    );
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&here, &["backup", "--project", &project, "--out", file]);
    assert_eq!(code, Some(2), "a file is not overwritten: {said}");

    let (code, said) = run(&there, &["restore", file, "--project", "film-2"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("equal to the backup"), "{said}");
    let api = there.api("root", "admin");
    let document = api.get("/api/projects/film-2/document").await.json();
    let node = &document["nodes"]["i"];
    assert_eq!(node["title"], "now");
    // The picture opens at the address that the canvas has for it now.
    let src = node["src"].as_str().expect("a src");
    assert!(src.ends_with("?project=film-2"), "{src}");
    assert!(api.get(src).await.body == bytes, "the picture's bytes");
    let history = api.get("/api/projects/film-2/history").await.json();
    let actors: Vec<_> = history["history"]
        .as_array()
        .expect("a history")
        .iter()
        .filter_map(|entry| entry["actor"].as_str())
        .collect();
    assert!(
        actors.contains(&"alice") && actors.contains(&"bob"),
        "{actors:?}"
    );
    let versions = api.get("/api/projects/film-2/versions").await.json();
    // A tick may have made an automatic one since.
    let mut versions = versions["versions"].as_array().expect("versions").iter();
    let version = versions
        .find(|version| version["name"] == "First cut")
        .expect("the named version");
    let id = version["id"].as_str().expect("an id");
    let view = api
        .get(&format!("/api/projects/film-2/versions/{id}/document"))
        .await
        .json();
    assert_eq!(view["nodes"]["i"]["title"], "then");
    // It lives on: a member joins and edits.
    let mut carol = Member::join(&there, "film-2", &there.token("carol", "editor")).await;
    carol.set_node("more", json!({"type": "note"})).await;

    let (code, said) = run(&there, &["restore", file, "--project", "film-2"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("was written before"), "{said}");
    // Under its own id, and without the bytes of its assets.
    let bare = folder.path().join("bare.tar");
    let bare = bare.to_str().expect("a path");
    run(&here, &["backup", "--project", &project, "--out", bare]);
    let (code, said) = run(&there, &["restore", bare]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 more assets without their bytes"), "{said}");
}

/// The offset of the entry's header in a tar archive.
fn find(archive: &[u8], name: &str) -> usize {
    let blocks = archive.chunks(512).enumerate();
    let at = blocks
        .filter(|(_, block)| block.starts_with(name.as_bytes()) && block[name.len()] == 0)
        .map(|(at, _)| at * 512)
        .next();
    at.unwrap_or_else(|| panic!("no entry {name}"))
}

/// Writes the header's checksum anew.
fn seal(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header[..512].iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn rm14_a_spoiled_file_is_refused_and_nothing_is_made() {
    let stack = Stack::start().await;
    let (project, bytes) = film(&stack).await;
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("film.tar");
    let path = whole.to_str().expect("a path");
    let (code, said) = run(
        &stack,
        &["backup", "--project", &project, "--assets", "--out", path],
    );
    assert_eq!(code, Some(0), "{said}");
    let whole = std::fs::read(&whole).expect("the file");
    let asset = format!("assets/{}", hex::encode(Sha256::digest(&bytes)));
    let renamed = |name: &str| {
        let mut archive = whole.clone();
        let at = find(&archive, "history.json");
        archive[at..at + 100].fill(0);
        archive[at..at + name.len()].copy_from_slice(name.as_bytes());
        seal(&mut archive[at..at + 512]);
        archive
    };
    let changed = |name: &str, offset: usize| {
        let mut archive = whole.clone();
        let at = find(&archive, name) + 512 + offset;
        archive[at] ^= 1;
        archive
    };
    let sized = |octal: &[u8; 11]| {
        let mut archive = whole.clone();
        let at = find(&archive, "document.loro");
        archive[at + 124..at + 135].copy_from_slice(octal);
        seal(&mut archive[at..at + 512]);
        archive
    };
    let linked = {
        let mut archive = whole.clone();
        let at = find(&archive, "history.json");
        archive[at + 156] = b'2';
        seal(&mut archive[at..at + 512]);
        archive
    };
    let extra = {
        let mut archive = whole[..whole.len() - 1024].to_vec();
        let at = find(&archive, "history.json");
        let entry = archive[at..at + 512].to_vec();
        archive.extend(entry);
        archive
    };
    for (what, archive, wanted) in [
        ("empty", Vec::new(), "empty, or no tar archive"),
        ("text", b"not a tar archive".repeat(100), "no tar archive"),
        (
            "half",
            whole[..whole.len() / 2].to_vec(),
            "ends within assets/",
        ),
        (
            "without its end",
            whole[..find(&whole, &asset)].to_vec(),
            "it ends before assets/",
        ),
        (
            "a changed picture",
            changed(&asset, 1_000_000),
            "was changed",
        ),
        (
            "a changed document",
            changed("document.loro", 30),
            "was changed",
        ),
        ("a way out", renamed("../../etc/passwd"), "does not list"),
        ("another name", renamed("other.json"), "does not list"),
        ("a huge size", sized(b"77777777777"), "the manifest says"),
        ("a link", linked, "not a plain file"),
        ("more than there should be", extra, "does not list"),
    ] {
        let spoiled = folder.path().join("spoiled.tar");
        std::fs::write(&spoiled, archive).expect("written");
        let spoiled = spoiled.to_str().expect("a path");
        let (code, said) = run(&stack, &["restore", spoiled, "--project", "spoiled"]);
        assert_eq!(code, Some(2), "{what}: {said}");
        assert!(said.contains(wanted), "{what}: {said}");
    }
    let api = stack.api("root", "admin");
    api.get("/api/projects/spoiled")
        .await
        .problem("never made", 404);

    // What the file says of the document is checked by the platform too, and what was made for it
    // goes again.
    let body = api.get(&format!("/api/projects/{project}/backup")).await;
    let body: Value = body.json();
    stack.project("spoiled").await;
    for (what, field, value) in [
        ("a format of the future", "format", json!(2)),
        ("no document", "document", json!("")),
        ("no base64", "document", json!("?")),
        ("another version", "version", json!("AA==")),
    ] {
        let mut spoiled = body.clone();
        spoiled[field] = value;
        let refused = api.post("/api/projects/spoiled/restore", &spoiled).await;
        refused.problem(what, 422);
    }
    let document = api.get("/api/projects/spoiled/document").await.json();
    assert_eq!(document["nodes"], json!({}));
    let taken = api.post("/api/projects/spoiled/restore", &body).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
}
