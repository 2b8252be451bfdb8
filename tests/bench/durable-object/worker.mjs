// A room as a Durable Object: one object for each room, each frame with an update is a row in the
// object's SQLite storage, and is acked when it is on the disk. Whoever joins gets all rows. It reads
// nothing of a document, checks no permission and forgets nothing: the least that is durable.

import { DurableObject } from "cloudflare:workers";
import { decode, encode, MessageType } from "loro-protocol";

const NOTHING = new Uint8Array();

export class Room extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS updates (seq INTEGER PRIMARY KEY, frame BLOB NOT NULL)");
  }

  fetch() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  async webSocketMessage(socket, data) {
    if (typeof data === "string") {
      if (data === "ping") socket.send("pong");
      return;
    }
    const message = decode(new Uint8Array(data));
    switch (message.type) {
      case MessageType.JoinRequest:
        this.join(socket, message);
        break;
      case MessageType.DocUpdate:
        await this.keep(socket, data);
        this.acknowledge(socket, message);
        break;
      case MessageType.DocUpdateFragmentHeader:
        this.left ??= new Map();
        this.left.set(message.batchId, message.fragmentCount);
        await this.keep(socket, data);
        break;
      case MessageType.DocUpdateFragment: {
        const left = this.left.get(message.batchId) - 1;
        this.left.set(message.batchId, left);
        await this.keep(socket, data);
        if (left === 0) {
          this.left.delete(message.batchId);
          this.acknowledge(socket, message);
        }
        break;
      }
    }
  }

  webSocketClose(socket) {
    socket.close();
  }

  join(socket, { crdt, roomId }) {
    socket.send(encode({ type: MessageType.JoinResponseOk, crdt, roomId, permission: "write", version: NOTHING }));
    for (const { frame } of this.sql.exec("SELECT frame FROM updates ORDER BY seq")) socket.send(frame);
  }

  /** Returns when the frame is on the disk, after which everybody else gets it. */
  async keep(from, frame) {
    this.sql.exec("INSERT INTO updates (frame) VALUES (?)", frame);
    await this.ctx.storage.sync();
    for (const socket of this.ctx.getWebSockets()) if (socket !== from) socket.send(frame);
  }

  acknowledge(socket, { crdt, roomId, batchId }) {
    socket.send(encode({ type: MessageType.Ack, crdt, roomId, refId: batchId, status: 0 }));
  }
}

export default {
  fetch(request, env) {
    const room = new URL(request.url).pathname.slice("/sync/".length);
    return env.ROOMS.get(env.ROOMS.idFromName(room)).fetch(request);
  },
};
