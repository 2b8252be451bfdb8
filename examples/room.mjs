// Talks to a room: `TOKEN=… node room.mjs p1`. Writes a node, and prints all nodes whenever
// something changes.
import { LoroAdaptor } from "loro-adaptors/loro";
import { LoroDoc } from "loro-crdt";
import { LoroWebsocketClient } from "loro-websocket";

const [server, project] = [process.env.SERVER ?? "ws://127.0.0.1:8788", process.argv[2]];
const doc = new LoroDoc();
doc.subscribe(() => console.log(JSON.stringify(doc.toJSON().nodes)));
const client = new LoroWebsocketClient({ url: `${server}/sync/${project}` });
await client.waitConnected();
const auth = () => new TextEncoder().encode(process.env.TOKEN); // asked again at each rejoin
const room = await client.join({ roomId: project, crdtAdaptor: new LoroAdaptor(doc), auth });
await room.waitForReachingServerVersion();
const node = doc.getMap("nodes").ensureMergeableMap("from-javascript");
node.set("type", "note");
node.set("text", "Hello from JavaScript");
doc.commit();
