// Presence of the unmodified npm client: cursors of the others, of late joiners, and of nobody who left.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Member, Stack, until } from "./support.mjs";

let stack;
const members = [];
const enter = async (project, role = "editor") => {
  const member = await Member.join(stack, project, role);
  members.push(member);
  return member.enter(stack, project, role);
};
const shown = (member) => member.presence.getAllStates();

before(async () => {
  stack = await Stack.start();
});

after(async () => {
  for (const member of members) member.leave();
  await stack?.end();
});

test("rm7 cursors reach the others, late joiners get the present state, a lost one is gone at once", async () => {
  const project = await stack.project("npm-presence");
  const [alice, bob] = [await enter(project), await enter(project, "viewer")];
  alice.presence.set("alice", { x: 1, y: 2, node: "n1" });
  bob.presence.set("bob", { x: 3 });
  await until("bob sees alice", () => shown(bob).alice?.node === "n1");
  await until("alice sees the viewer", () => shown(alice).bob?.x === 3);
  for (let x = 0; x <= 200; x++) alice.presence.set("alice", { x });
  await until("bob sees the last of a burst", () => shown(bob).alice?.x === 200);
  const carol = await enter(project);
  await until("the late joiner sees both", () => shown(carol).alice?.x === 200 && shown(carol).bob?.x === 3);
  alice.leave();
  await until("alice is gone", () => !("alice" in shown(bob)) && !("alice" in shown(carol)), 3_000);
  assert.equal(shown(carol).bob.x, 3);
  // Everything that was sent is acknowledged: nothing piles up in the clients.
  await until("all are acked", () => [bob, carol].every(({ client }) => (client.sentUpdateBatches?.size ?? 0) === 0));
});

test("rm7 rm13 presence comes back after a restart, without those who are gone", async () => {
  const project = await stack.project("npm-presence-again");
  const [alice, bob] = [await enter(project), await enter(project)];
  alice.presence.set("alice", { here: 1 });
  bob.presence.set("bob", { here: 1 });
  await until("both are there", () => shown(bob).alice && shown(alice).bob);
  await stack.terminate();
  await stack.startAgain();
  alice.presence.set("alice", { here: 2 });
  await until("alice is back", () => {
    alice.presence.set("alice", { here: 2 });
    return shown(bob).alice?.here === 2;
  }, 60_000);
  alice.leave();
  await until("and gone", () => !("alice" in shown(bob)), 5_000);
});
