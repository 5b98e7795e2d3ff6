"""Values and their limits: what an instance, a check and a record are, and how a request can fail. Pure: msgspec and stdlib alone."""
