// A job queue on BullMQ and Redis behind the same small HTTP face as the tasks of the platform: POST
// /jobs answers when the job is in Redis, a worker in a thread of its own gives it to BACKEND. Prints
// `Serving http://…` and ends with its standard input.

import { createServer } from "node:http";
import { Worker as Thread } from "node:worker_threads";
import { Queue } from "bullmq";

const connection = { host: "127.0.0.1", port: Number(process.env.REDIS_PORT) };
const queue = new Queue("jobs", { connection });
// `attempts` and backoff as a careful user sets them; finished jobs are kept, to be counted.
const options = { attempts: 3, backoff: { type: "exponential", delay: 1_000 } };
const workerData = { connection, backend: process.env.BACKEND };
new Thread(new URL("./worker.mjs", import.meta.url), { workerData });

let made = 0;
const routes = {
  "POST /jobs": async () => {
    const id = `j-${++made}`;
    await queue.add("job", { task_id: id }, { ...options, jobId: id });
    return [202, { task_id: id }];
  },
  "GET /finished": async () => [200, { finished: await queue.getCompletedCount() }],
  "POST /pause": async () => [200, await queue.pause()],
  "POST /resume": async () => [200, await queue.resume()],
};

const server = createServer((request, response) => {
  const route = routes[`${request.method} ${request.url}`];
  request.resume().on("end", async () => {
    const [status, body] = route ? await route() : [404, {}];
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? {}));
  });
});
await queue.waitUntilReady();
server.listen(0, "127.0.0.1", () => {
  console.log(`Serving http://127.0.0.1:${server.address().port}`);
});
process.stdin.on("end", () => process.exit(0)).resume();
