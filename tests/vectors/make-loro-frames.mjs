// Writes loro-frames.json: frames as the npm package loro-protocol 0.3.0 encodes them.
//   npm install --no-save loro-protocol@0.3.0 && node make-loro-frames.mjs > loro-frames.json
import { encode, MessageType as T } from "loro-protocol";

const bytes = (...values) => Uint8Array.from(values);
const hex = (data) => Buffer.from(data).toString("hex");
const batchId = "0x0102030405060708";
const base = { crdt: "%LOR", roomId: "p1" };
const long = Uint8Array.from({ length: 300 }, (_, i) => i & 255);

const messages = {
  join_request: { ...base, type: T.JoinRequest, auth: bytes(1, 2, 3), version: bytes(0) },
  join_request_empty: { ...base, type: T.JoinRequest, auth: bytes(), version: bytes() },
  join_ok_write: { ...base, type: T.JoinResponseOk, permission: "write", version: bytes(9, 8), extra: bytes(7) },
  join_ok_read_no_extra: { ...base, type: T.JoinResponseOk, permission: "read", version: bytes() },
  join_error_auth: { ...base, type: T.JoinError, code: 2, message: "not found" },
  join_error_version: { ...base, type: T.JoinError, code: 1, message: "v", receiverVersion: bytes(1, 2) },
  join_error_app: { ...base, type: T.JoinError, code: 127, message: "é", appCode: "quota" },
  doc_update_none: { ...base, type: T.DocUpdate, updates: [], batchId },
  doc_update_one: { ...base, type: T.DocUpdate, updates: [bytes(5, 6)], batchId },
  doc_update_three: { ...base, type: T.DocUpdate, updates: [bytes(), long, bytes(1)], batchId },
  presence_update: { crdt: "%EPH", roomId: "p1", type: T.DocUpdate, updates: [bytes(5)], batchId },
  fragment_header: { ...base, type: T.DocUpdateFragmentHeader, batchId, fragmentCount: 5, totalSizeBytes: 1048576 },
  fragment: { ...base, type: T.DocUpdateFragment, batchId, index: 200, fragment: long },
  room_error_rejoin: { ...base, type: T.RoomError, code: 1, message: "again" },
  room_error_evicted: { ...base, type: T.RoomError, code: 2, message: "" },
  leave: { crdt: "%YJS", roomId: "room with spaces", type: T.Leave },
  leave_longest_room: { crdt: "%FLO", roomId: "r".repeat(128), type: T.Leave },
  ack_ok: { ...base, type: T.Ack, refId: batchId, status: 0 },
  ack_timeout: { ...base, type: T.Ack, refId: batchId, status: 7 },
};

const plain = (value) => {
  if (value instanceof Uint8Array) return { hex: hex(value) };
  if (Array.isArray(value)) return value.map(plain);
  return value;
};
const vectors = Object.entries(messages).map(([name, message]) => ({
  name,
  frame: hex(encode(message)),
  message: Object.fromEntries(Object.entries(message).map(([key, value]) => [key, plain(value)])),
}));
process.stdout.write(JSON.stringify({ source: "npm loro-protocol 0.3.0", vectors }, null, 1) + "\n");
