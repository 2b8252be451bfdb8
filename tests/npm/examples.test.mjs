// README's examples, as they stand in the repository: one in JavaScript, one in Rust, in one room.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { Stack, root, until } from "./support.mjs";

let stack;
const folder = mkdtempSync(join(tmpdir(), "clash-examples-"));
const children = [];

before(async () => {
  stack = await Stack.start();
  // As after `npm install` beside it.
  cpSync(join(root, "examples/room.mjs"), join(folder, "room.mjs"));
  symlinkSync(join(dirname(fileURLToPath(import.meta.url)), "node_modules"), join(folder, "node_modules"));
});

after(async () => {
  for (const child of children) child.kill();
  await stack?.end();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts an example; what it printed last is in `nodes`. */
function start(command, given, sub) {
  const env = { ...process.env, SERVER: stack.url.replace("http", "ws"), TOKEN: stack.token(sub, "editor") };
  const child = spawn(command, given, { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  createInterface({ input: child.stdout }).on("line", (line) => (child.nodes = JSON.parse(line)));
  return child;
}

test("rm1 the examples of the README see each other", async () => {
  const project = await stack.project("npm-examples");
  const rust = process.env.CLASH_EXAMPLE ?? resolve(root, "target/release/examples/room");
  assert.ok(existsSync(rust), `${rust} is not there: run \`make test-npm\``);
  // Node 22 has a WebSocket of its own, Node 20 on request.
  const flags = globalThis.process.versions.node.startsWith("20.") ? ["--experimental-websocket"] : [];
  const one = start(process.execPath, [...flags, "room.mjs", project], "js");
  const other = start(rust, [project], "rust");
  for (const [name, child] of [["JavaScript", one], ["Rust", other]]) {
    await until(`what ${name} sees`, () => child.nodes?.["from-rust"]?.text && child.nodes?.["from-javascript"]?.text);
    assert.equal(child.nodes["from-rust"].text, "Hello from Rust");
    assert.equal(child.nodes["from-javascript"].text, "Hello from JavaScript");
  }
});
