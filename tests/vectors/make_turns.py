"""Writes turn.json: room turns encoded by a second, independent implementation of SPEC section 4.

python3 make_turns.py > turn.json
"""

import json


def uint(n):
    out = bytearray()
    while True:
        out.append((n & 0x7F) | (0x80 if n > 0x7F else 0))
        n >>= 7
        if not n:
            return bytes(out)


def raw(data):
    return uint(len(data)) + data


def text(s):
    return raw(s.encode())


def many(items):
    return uint(len(items)) + b"".join(items)


def option(item):
    return b"\0" if item is None else b"\1" + item


BATCH = bytes(range(1, 9))

join = b"\0" + uint(7) + b"\0" + raw(b"token") + raw(b"\0")
enter = b"\0" + uint(7) + b"\1" + raw(b"token") + raw(b"")
update = b"\1" + uint(300) + BATCH + raw(b"s") + many([raw(b"\xaa\xbb"), raw(b"")])
leave = b"\2" + uint(1) + raw(b"session")
check = b"\3" + uint(300) + raw(b"session")
joined = b"\0" + uint(7) + b"\0\1" + raw(b"\0") + raw(b"s") + uint(1_700_000_000_000) + many([raw(b"\xcc")])
entered = b"\0" + uint(7) + b"\1\0" + raw(b"") + raw(b"s") + uint(0) + many([])
join_error = b"\1" + uint(8) + b"\0\2" + text("not found") + option(None)
join_error_version = b"\1" + uint(8) + b"\1\1" + text("é") + option(raw(b"\5"))
ack = b"\2" + uint(300) + BATCH + b"\4"
broadcast = b"\3" + option(uint(300)) + many([raw(b"\xaa\xbb")])
broadcast_all = b"\3" + option(None) + many([])
room_error = b"\4" + uint(9) + b"\2" + text("evicted")
session = b"\6" + uint(9) + b"\0" + raw(b"s2") + uint(1_700_000_000_000)
close = b"\5" + uint(9) + uint(1008) + text("room_closed")

vectors = {
    "request_empty": b"\2" + many([]),
    "request_poll": b"\2" + many([text("p1") + uint(128) + many([])]),
    "request_all_inputs": b"\2"
    + many([text("p1") + uint(12) + many([join, enter, update, leave, check]), text("p2") + uint(0) + many([join])]),
    "response_empty": b"\2" + many([]),
    "response_all_outputs": b"\2"
    + many(
        [
            text("p1")
            + uint(70000)
            + option(uint(250))
            + uint(3)
            + many([joined, entered, join_error, join_error_version, ack, broadcast, broadcast_all, room_error, close, session]),
            text("p2") + uint(0) + option(None) + uint(0) + many([]),
        ]
    ),
}

print(json.dumps({"version": 2, "vectors": {k: v.hex() for k, v in vectors.items()}}, indent=1))
