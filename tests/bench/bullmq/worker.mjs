// Takes jobs and gives each to the backend in one request over a kept connection.

import { Agent, request } from "node:http";
import { workerData } from "node:worker_threads";
import { Worker } from "bullmq";

const { connection, backend } = workerData;
const agent = new Agent({ keepAlive: true });
const url = `${backend}/api/tasks/submit`;
const headers = { "content-type": "application/json" };

const submit = (data) =>
  new Promise((resolve, reject) => {
    const call = request(url, { method: "POST", agent, headers }, (response) => {
      response.resume().on("end", () => {
        response.statusCode === 202 ? resolve() : reject(new Error(`${response.statusCode}`));
      });
    });
    call.on("error", reject).end(JSON.stringify(data));
  });

new Worker("jobs", (job) => submit(job.data), { connection, concurrency: 512 });
