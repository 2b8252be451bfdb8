// The reference room server of the npm package `loro-websocket`, as its README starts it: documents
// live in memory, everybody may write. Prints `Serving http://…` and ends with its standard input.

import { SimpleServer } from "loro-websocket/server";

const host = "127.0.0.1";
const server = new SimpleServer({
  host,
  port: 0,
  authenticate: async () => "write",
  onLoadDocument: async () => null,
  onSaveDocument: async () => {},
  saveInterval: 60_000,
});
// It warns once for each client that goes away in the middle of something.
console.warn = () => {};

await server.start();
console.log(`Serving http://${host}:${server.wss.address().port}`);
process.stdin.on("end", () => process.exit(0)).resume();
