// Resumable uploads with the unmodified tus-js-client, through a line that breaks.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";
import { after, before, test } from "node:test";
import * as tus from "tus-js-client";
import { Stack } from "./support.mjs";

const SIZE = 50_000_000;
// After how many bytes from the client the line breaks, once each.
const CUTS = [9_000_000, 17_500_000];

let stack, line;
before(async () => {
  stack = await Stack.start();
  line = await breakingLine(new URL(stack.url), [...CUTS]);
});
after(async () => {
  line?.server.close();
  await stack?.end();
});

/** Passes bytes on to a server, and breaks the connection when so many have come. */
async function breakingLine(target, cuts) {
  const state = { broken: 0, passed: 0 };
  state.server = createServer((client) => {
    const server = connect(Number(target.port), target.hostname);
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
    server.pipe(client);
    client.on("data", (data) => {
      state.passed += data.length;
      if (cuts.length > 0 && state.passed > cuts[0]) {
        cuts.shift();
        state.broken += 1;
        end();
      } else if (!server.write(data)) {
        client.pause();
        server.once("drain", () => client.resume());
      }
    });
  });
  await new Promise((done) => state.server.listen(0, "127.0.0.1", done));
  state.url = `http://127.0.0.1:${state.server.address().port}`;
  return state;
}

test("as1 tus-js-client uploads 50 MB although the connection is cut twice", async () => {
  const project = await stack.project("npm-uploads");
  const token = stack.token("alice", "editor");
  const file = randomBytes(SIZE);
  const seen = { retries: 0, offsets: [] };
  const last = await new Promise((done, fails) => {
    const upload = new tus.Upload(file, {
      endpoint: `${line.url}/api/uploads`,
      headers: { Authorization: `Bearer ${token}` },
      metadata: { project, filename: "film.bin" },
      retryDelays: [200, 500, 1000, 2000, 4000],
      onShouldRetry: () => {
        seen.retries += 1;
        return true;
      },
      onAfterResponse: (request, response) => {
        if (request.getMethod() === "HEAD") seen.offsets.push(Number(response.getHeader("Upload-Offset")));
      },
      onError: fails,
      onSuccess: ({ lastResponse }) => done(lastResponse),
    });
    upload.start();
  });
  assert.equal(line.broken, 2);
  assert.ok(seen.retries >= 2, `${seen.retries} retries`);
  assert.ok(seen.offsets.every((offset) => offset > 0), `goes on from ${seen.offsets}`);
  const id = createHash("sha256").update(file).digest("hex");
  assert.equal(last.getHeader("Asset-Id"), id);
  const response = await fetch(`${stack.url}${last.getHeader("Asset-Src")}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  assert.equal(response.status, 200);
  const served = createHash("sha256").update(Buffer.from(await response.arrayBuffer())).digest("hex");
  assert.equal(served, id);
});

test("as1 tus-js-client uploads in pieces and gives an upload up", async () => {
  const project = await stack.project("npm-pieces");
  const headers = { Authorization: `Bearer ${stack.token("alice", "editor")}` };
  const file = randomBytes(3_000_000);
  const options = {
    endpoint: `${stack.url}/api/uploads?project=${project}`,
    headers,
    chunkSize: 700_000,
    uploadDataDuringCreation: true,
  };
  const upload = await new Promise((done, fails) => {
    const upload = new tus.Upload(file, { ...options, onError: fails, onSuccess: () => done(upload) });
    upload.start();
  });
  assert.match(upload.url, /\/api\/uploads\/u_/);
  const aborted = new tus.Upload(file, options);
  await new Promise((done) => {
    aborted.options.onChunkComplete = done;
    aborted.start();
  });
  await aborted.abort(true);
  const gone = await fetch(aborted.url, { method: "HEAD", headers: { ...headers, "Tus-Resumable": "1.0.0" } });
  assert.equal(gone.status, 404);
});
