// Being away, coming back, and being many, with the unmodified npm client.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { LoroDoc } from "loro-crdt";
import { Line } from "./line.mjs";
import { Member, Stack, sleep, until } from "./support.mjs";

const CROWD = 200;

let stack;
const members = [];
const lines = [];
const join = async (project, options = {}) => {
  const member = await Member.join(stack, project, "editor", options);
  members.push(member);
  return member;
};
const line = async () => {
  const opened = await Line.open(stack.url);
  lines.push(opened);
  return opened;
};

before(async () => {
  stack = await Stack.start();
});

after(async () => {
  for (const member of members) member.leave();
  for (const opened of lines) opened.close();
  await stack?.end();
});

test("rm3 edits made while away merge with those made meanwhile", async () => {
  const project = await stack.project("npm-away");
  const alice = await join(project);
  alice.setNode("n", { type: "note", text: "before", x: 1 });
  const bob = await join(project);
  const kept = bob.doc.export({ mode: "snapshot" });
  bob.leave();
  // bob's tab is closed; he edits what he had kept, and alice goes on.
  const doc = new LoroDoc();
  doc.import(kept);
  for (let number = 1; number <= 20; number++) {
    doc.getMap("nodes").ensureMergeableMap(`away-${number}`).set("type", "note");
    doc.commit();
    alice.setNode(`meanwhile-${number}`, { type: "note" });
  }
  doc.getMap("nodes").ensureMergeableMap("n").set("title", "by bob, away");
  doc.commit();
  alice.setNode("n", { text: "by alice, meanwhile" });
  const again = await join(project, { doc });
  for (const member of [alice, again]) {
    await member.node("both edits", "n", (node) => node.title === "by bob, away" && node.text === "by alice, meanwhile");
    await until("all nodes", () => Object.keys(member.nodes()).length === 41);
  }
  assert.deepEqual(again.nodes(), alice.nodes());
  assert.deepEqual([...alice.refused, ...again.refused], []);
});

test("rm13 a cut connection is joined again, and the token is asked for anew", async () => {
  const project = await stack.project("npm-cut");
  const alice = await join(project);
  const wire = await line();
  let asked = 0;
  const bob = await join(project, { url: wire.url, onAuth: () => (asked += 1) });
  assert.equal(asked, 1);
  for (let cut = 1; cut <= 3; cut++) {
    wire.cut();
    bob.setNode(`by-bob-${cut}`, { type: "note" });
    alice.setNode(`by-alice-${cut}`, { type: "note" });
    await bob.node("alice's edit", `by-alice-${cut}`, () => true);
    await alice.node("bob's edit", `by-bob-${cut}`, () => true);
    assert.ok(asked >= cut + 1, `${asked} tokens after ${cut} cuts`);
  }
  assert.deepEqual(bob.nodes(), alice.nodes());
  assert.ok(bob.statuses.includes("reconnecting"), bob.statuses.join());
});

test("rm13 a token that is refused at the rejoin puts the member out", async () => {
  const project = await stack.project("npm-refused");
  const wire = await line();
  let token;
  const bob = await join(project, { url: wire.url, onAuth: () => token });
  token = "not a token";
  wire.cut();
  await until("the end", () => ["error", "disconnected"].includes(bob.statuses.at(-1)));
  const alice = await join(project);
  alice.setNode("secret", { type: "note" });
  await sleep(500);
  assert.deepEqual(Object.keys(bob.nodes()), []);
});

test("rm3 a room of 10 MB joins whole, and a rejoin brings only what is new", async () => {
  const project = await stack.project("npm-10mb");
  const alice = await join(project);
  // Noise, so that nothing of it can be compressed away.
  for (let number = 0; number < 56; number++) {
    alice.setNode(`n${number}`, { type: "note", text: randomBytes(150_000).toString("base64") });
    // As a person would: not more than the server has taken.
    if (number % 4 === 3) await settled(alice, project);
  }
  assert.deepEqual(alice.refused, []);
  const wire = await line();
  const bob = await join(project, { url: wire.url });
  assert.ok(bob.doc.export({ mode: "snapshot" }).length > 10_000_000);
  assert.deepEqual(bob.nodes(), alice.nodes());
  const before = wire.received;
  assert.ok(before > 10_000_000, `${before} bytes`);
  wire.cut();
  alice.setNode("last", { type: "note", text: "a little" });
  await bob.node("what is new", "last", (node) => node.text === "a little", 60_000);
  assert.ok(wire.received - before < 50_000, `${wire.received - before} bytes for one small edit`);
});

/** Waits until a second member has everything. */
async function settled(alice, project) {
  const [last] = Object.keys(alice.nodes()).sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)));
  settled.witness ??= await join(project);
  await settled.witness.node("the newest node", last, () => true, 60_000);
}

test("rm1 rm11 two hundred clients in one room have the same document", { timeout: 240_000 }, async () => {
  const project = await stack.project("npm-crowd");
  const token = stack.token("editor", "editor");
  const crowd = [];
  for (let first = 0; first < CROWD; first += 20) {
    const some = Array.from({ length: 20 }, () => join(project, { onAuth: () => token }));
    crowd.push(...(await Promise.all(some)));
  }
  // One in ten draws: all of them in one process, each has to import what everybody draws.
  const drawing = crowd.filter((_, number) => number % 10 === 0);
  drawing.forEach((member, number) => member.setNode(`n${number}`, { type: "note", x: number }));
  const count = (member) => Object.keys(member.nodes()).length;
  try {
    await until("everybody's node with everybody", () => crowd.every((member) => count(member) === drawing.length), 180_000);
  } catch (error) {
    const refused = crowd.flatMap((member) => member.refused).map((one) => one.code);
    const errors = crowd.flatMap((member) => member.errors).map(String);
    throw new Error(`${error.message}: ${crowd.map(count)}; refused ${refused}; ${errors.slice(0, 3)}`);
  }
  const [first, ...others] = crowd.map((member) => JSON.stringify(sorted(member.nodes())));
  assert.ok(others.every((other) => other === first), "all documents are equal");
  assert.deepEqual(crowd.flatMap((member) => member.refused), []);
});

const sorted = (nodes) => Object.entries(nodes).sort(([a], [b]) => (a < b ? -1 : 1));
