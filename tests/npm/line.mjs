// A line to a server that a test can cut.
import { connect, createServer } from "node:net";

export class Line {
  #sockets = new Set();
  #server;
  url;
  /** Bytes that came from the server. */
  received = 0;

  static async open(target) {
    const line = new Line();
    const { hostname, port } = new URL(target);
    line.#server = createServer((client) => line.#pass(client, connect(Number(port), hostname)));
    await new Promise((done) => line.#server.listen(0, "127.0.0.1", done));
    line.url = `http://127.0.0.1:${line.#server.address().port}`;
    return line;
  }

  #pass(client, server) {
    const end = () => {
      client.destroy();
      server.destroy();
      this.#sockets.delete(client);
    };
    this.#sockets.add(client);
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
    client.pipe(server);
    server.on("data", (data) => (this.received += data.length)).pipe(client);
  }

  /** Breaks all connections; new ones are passed on. */
  cut() {
    for (const client of this.#sockets) client.resetAndDestroy();
  }

  close() {
    this.cut();
    this.#server.close();
  }
}
