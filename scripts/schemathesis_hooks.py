"""What schemathesis has to know: bodies of resumable uploads, and streams that take their time."""

import schemathesis
from hypothesis import strategies as st

MEDIA_TYPE = "application/offset+octet-stream"

schemathesis.openapi.media_type(MEDIA_TYPE, st.binary(max_size=1024))


@schemathesis.serializer(MEDIA_TYPE)
def as_it_is(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def before_call(_context, case, **_kwargs):
    """A stream of events goes on for a minute; its beginning is enough here."""
    if case.method == "GET" and case.operation.path.endswith("/events"):
        query = dict(case.query or {})
        if str(query.get("seconds", 60)).isdigit():
            query["seconds"] = 0
        case.query = query
