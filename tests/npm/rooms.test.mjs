// The unmodified npm client `loro-websocket` in rooms of a real stack.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { Member, Stack, sleep, until } from "./support.mjs";

let stack;
const members = [];
const join = async (...given) => {
  const member = await Member.join(stack, ...given);
  members.push(member);
  return member;
};

before(async () => {
  stack = await Stack.start();
});

after(async () => {
  for (const member of members) member.leave();
  await stack?.end();
});

test("rm1 two clients see each other's edits, live and later", async () => {
  const project = await stack.project("npm-two");
  const [alice, bob] = [await join(project), await join(project)];
  alice.setNode("n", { type: "note", text: "by alice", x: 1.5 });
  await bob.node("alice's node", "n", (node) => node.text === "by alice");
  bob.setNode("n", { title: "by bob" });
  await alice.node("bob's title", "n", (node) => node.title === "by bob");
  for (let number = 1; number <= 50; number++) alice.setNode("n", { x: number });
  await bob.node("fifty moves", "n", (node) => node.x === 50);
  const carol = await join(project);
  assert.deepEqual(carol.nodes(), alice.nodes());
  assert.deepEqual([...alice.refused, ...bob.refused, ...carol.refused], []);
});

test("rm6 a viewer sees, and is told that it cannot write", async () => {
  const project = await stack.project("npm-viewer");
  const editor = await join(project, "editor");
  const viewer = await join(project, "viewer");
  editor.setNode("n", { type: "note", text: "read me" });
  await viewer.node("the editor's node", "n", (node) => node.text === "read me");
  viewer.setNode("evil", { type: "note" });
  const refused = await until("the refusal", () => viewer.refused[0]);
  assert.equal(refused.code, 3);
  await sleep(300);
  const fresh = await join(project, "viewer");
  assert.deepEqual(Object.keys(fresh.nodes()), ["n"]);
});

test("rm3 a room over 256 KB joins whole", async () => {
  const project = await stack.project("npm-large");
  const alice = await join(project);
  for (let number = 0; number < 4; number++) {
    alice.setNode(`small-${number}`, { type: "note", text: randomBytes(60_000).toString("base64") });
  }
  // One update that does not fit a frame: the client sends it in fragments.
  alice.setNode("large", { type: "note", text: randomBytes(450_000).toString("base64") });
  alice.setNode("last", { type: "note", text: "the end" });
  const witness = await join(project);
  await witness.node("all of it", "last", (node) => node.text === "the end");
  const bob = await join(project);
  assert.deepEqual(bob.nodes(), alice.nodes());
  assert.deepEqual(alice.refused, []);
});

test("gw9 a room that is not there is refused", async () => {
  await assert.rejects(join("npm-nowhere"));
});

test("rm2 rm13 clients come back after kill -9 and after an orderly end, with everything", async () => {
  const project = await stack.project("npm-killed");
  const [alice, bob] = [await join(project), await join(project)];
  alice.setNode("n", { type: "note", text: "before" });
  await bob.node("before", "n", (node) => node.text === "before");
  for (const [round, end] of [["killed", () => stack.kill()], ["ended", () => stack.terminate()]]) {
    await end();
    // Drawn while the server is away.
    alice.setNode(`away-${round}`, { type: "note", text: round });
    await stack.startAgain();
    await bob.node(`edit while ${round}`, `away-${round}`, (node) => node.text === round, 60_000);
    bob.setNode("n", { text: `after ${round}` });
    await alice.node("live again", "n", (node) => node.text === `after ${round}`, 60_000);
  }
  const fresh = await join(project);
  assert.deepEqual(fresh.nodes(), alice.nodes());
});
