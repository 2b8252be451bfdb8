// Writes presence.json: updates of the EphemeralStore of npm loro-crdt, and what they say.
//
// npm install loro-crdt@1.17.1 && node make-presence.mjs > presence.json
import { EphemeralStore } from "loro-crdt";

const values = {
  cursor: { x: 12.5, y: -3, node: "n1", pressed: true },
  selection: ["n1", "n2", null],
  name: "Zoë 🎬",
  count: -70000,
  big: 2 ** 40,
  nothing: null,
  bytes: new Uint8Array([0, 255, 7]),
  nested: { a: { b: { c: [[[1]]] } } },
};
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const vectors = {};
for (const [key, value] of Object.entries(values)) {
  const store = new EphemeralStore(30_000);
  store.set(key, value);
  vectors[key] = { keys: [key], hex: hex(store.encode(key)) };
}
const store = new EphemeralStore(30_000);
store.set("alice", { x: 1 });
store.set("bob", { x: 2 });
vectors.two = { keys: ["alice", "bob"], hex: hex(store.encodeAll()) };
store.delete("bob");
vectors.deleted = { keys: ["bob"], deleted: true, hex: hex(store.encode("bob")) };
console.log(JSON.stringify({ loro_crdt: "1.17.1", vectors }, null, 1));
process.exit(0);
