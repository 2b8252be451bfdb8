"""What schemathesis has to know to send the bodies of resumable uploads."""

import schemathesis
from hypothesis import strategies as st

MEDIA_TYPE = "application/offset+octet-stream"

schemathesis.openapi.media_type(MEDIA_TYPE, st.binary(max_size=1024))


@schemathesis.serializer(MEDIA_TYPE)
def as_it_is(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()
