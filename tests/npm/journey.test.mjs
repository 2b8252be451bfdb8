// A node's journey to `fin`, as the unmodified npm client sees it, with atelier as the provider.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Member, Stack } from "./support.mjs";

let stack;
const members = [];
before(async () => {
  stack = await Stack.start({ atelier: true });
});
after(async () => {
  for (const member of members) member.leave();
  await stack?.end();
});

test("tk1 tk14 a picture that is asked for is made, filled in for everyone and described", async () => {
  const project = await stack.project("npm-journey");
  for (const role of ["editor", "viewer"]) members.push(await Member.join(stack, project, role));
  const [alice, bob] = members;
  const seen = [];
  bob.doc.subscribe(() => {
    const status = bob.nodes().pic?.status;
    if (status && seen.at(-1) !== status) seen.push(status);
  });
  const prompt = "a white lighthouse above a calm sea at dawn";
  alice.setNode("pic", { type: "image", prompt, status: "generating" });
  for (const member of members) {
    const node = await member.node("fin", "pic", (node) => {
      assert.notEqual(node.status, "failed", JSON.stringify(node));
      return node.status === "fin";
    }, 120_000);
    assert.match(node.src, /^\/assets\/[0-9a-f]{64}\?project=npm-journey$/);
    assert.ok(node.description.length > 20, node.description);
    assert.equal(node.pendingTask ?? null, null);
  }
  assert.equal(seen.at(0), "generating");
  assert.equal(seen.at(-1), "fin");

  const { src } = alice.nodes().pic;
  const response = await fetch(stack.url + src, { headers: { authorization: `Bearer ${stack.token("v", "viewer")}` } });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "image/png");
  const picture = Buffer.from(await response.arrayBuffer());
  assert.deepEqual([picture.readUInt32BE(16), picture.readUInt32BE(20)], [1280, 720]);
});
