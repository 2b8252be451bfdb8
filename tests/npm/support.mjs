// A stack for the tests (`clash up` as a process), and members of its rooms with the unmodified
// npm client.
import { spawn, execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { EphemeralStore, LoroDoc } from "loro-crdt";
import { LoroAdaptor, LoroEphemeralAdaptor } from "loro-adaptors/loro";
import { LoroWebsocketClient } from "loro-websocket";
import { WebSocket } from "ws";

// Node 22 has a WebSocket of its own; Node 20 takes this one.
globalThis.WebSocket ??= WebSocket;

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const binary = process.env.CLASH_BIN ?? join(root, "target/release/clash");
// Each client listens to the process's "online" and "offline".
process.setMaxListeners(1_000);

// Compiled components, shared with the other end-to-end tests.
const compiled = resolve(dirname(binary), "../clash-e2e-compiled");
const START_LIMIT_MS = 240_000;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until `look` gives something true, and gives that. */
export async function until(what, look, limitMs = 30_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(25);
  }
}

export class Stack {
  #child;
  #log = "";
  #folder = mkdtempSync(join(tmpdir(), "clash-npm-"));
  #arguments;
  stateDir = join(this.#folder, "state");
  url;

  /** Starts `clash up` on a free port. */
  static async start({ atelier = false } = {}) {
    const stack = new Stack();
    stack.#arguments = atelier ? [] : ["--no-atelier"];
    if (existsSync(compiled)) {
      mkdirSync(stack.stateDir, { mode: 0o700 });
      const own = join(stack.stateDir, "compiled");
      mkdirSync(own, { mode: 0o700 });
      for (const name of readdirSync(compiled)) cpSync(join(compiled, name), join(own, name));
    }
    try {
      await stack.#start("127.0.0.1:0");
    } catch (error) {
      await stack.end();
      throw error;
    }
    return stack;
  }

  async #start(listen) {
    const given = ["up", "--listen", listen, "--state-dir", this.stateDir, ...this.#arguments];
    const child = spawn(binary, given, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    child.stderr.on("data", (data) => (this.#log += data));
    const lines = createInterface({ input: child.stdout });
    this.url = await new Promise((serves, fails) => {
      const late = setTimeout(() => fails(new Error(`clash up does not serve:\n${this.#log}`)), START_LIMIT_MS);
      child.once("error", fails);
      child.once("exit", (code) => fails(new Error(`clash up ended (${code}):\n${this.#log}`)));
      lines.on("line", (line) => {
        if (!line.startsWith("Serving ")) return;
        clearTimeout(late);
        serves(line.slice("Serving ".length).trim());
      });
    });
  }

  async #ended(signal) {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  }

  kill() {
    return this.#ended("SIGKILL");
  }

  terminate() {
    return this.#ended("SIGTERM");
  }

  /** Starts again on the same state directory and the same port. */
  startAgain() {
    return this.#start(new URL(this.url).host);
  }

  async end() {
    await this.#ended("SIGTERM");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  token(sub, role) {
    const given = ["token", "--sub", sub, "--role", role, "--state-dir", this.stateDir];
    return execFileSync(binary, given, { cwd: root, encoding: "utf8" }).trim();
  }

  async project(id) {
    const response = await fetch(`${this.url}/api/projects`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.token("maker", "editor")}`, "content-type": "application/json" },
      body: JSON.stringify({ id, name: id }),
    });
    if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
    return id;
  }
}

/** One client in one room. */
export class Member {
  refused = [];
  errors = [];
  statuses = [];

  /**
   * Joins a room, at `url` if the way there is another one, with `doc` if something was kept.
   * `onAuth` hears of each question for a token, and may give one.
   */
  static async join(stack, project, role = "editor", { url = stack.url, doc = new LoroDoc(), onAuth } = {}) {
    const member = new Member();
    member.doc = doc;
    member.onAuth = onAuth;
    member.client = new LoroWebsocketClient({
      url: `${url.replace("http", "ws")}/sync/${project}`,
      reconnect: { initialDelayMs: 100, maxDelayMs: 500 },
      onError: (error) => member.errors.push(error),
    });
    try {
      return await member.#enter(stack, project, role);
    } catch (error) {
      // A client that is left alone connects again for ever.
      member.leave();
      throw error;
    }
  }

  async #enter(stack, project, role) {
    await this.client.waitConnected();
    const onUpdateError = (_updates, code, reason) => this.refused.push({ code, reason });
    this.adaptor = new LoroAdaptor(this.doc, { onUpdateError });
    this.room = await this.client.join({
      roomId: project,
      crdtAdaptor: this.adaptor,
      auth: () => {
        const given = this.onAuth?.();
        return new TextEncoder().encode(typeof given === "string" ? given : stack.token(role, role));
      },
      onStatusChange: (status) => this.statuses.push(status),
    });
    await this.room.waitForReachingServerVersion();
    return this;
  }

  /** Joins the room's presence, too. */
  async enter(stack, project, role = "editor") {
    this.presence = new EphemeralStore(30_000);
    this.presenceRoom = await this.client.join({
      roomId: project,
      crdtAdaptor: new LoroEphemeralAdaptor(this.presence),
      auth: () => new TextEncoder().encode(stack.token(role, role)),
    });
    return this;
  }

  /** Puts fields into a node, making it when it is missing. */
  setNode(id, fields) {
    const node = this.doc.getMap("nodes").ensureMergeableMap(id);
    for (const [key, value] of Object.entries(fields)) node.set(key, value);
    this.doc.commit();
  }

  nodes() {
    return this.doc.toJSON().nodes ?? {};
  }

  node(what, id, reached, limitMs) {
    return until(what, () => {
      const node = this.nodes()[id];
      return node && reached(node) ? node : undefined;
    }, limitMs);
  }

  leave() {
    this.client.destroy();
  }
}
