"""Trust."""

TOKENS = 256
"""Write tokens in a file; each change compares with all of them."""
TOKEN_MIN_CHARS = 16
"""A token shorter than this can be guessed."""
TLS_HANDSHAKE_S = 10.0
"""From a connection to its end of the handshake, as for a request: until then it is on nobody's list, but holds a descriptor."""
FILES_CHECKED_S = 2.0
"""Certificates and token files are looked at this often."""
JOURNAL_LOOKS_S = 1.0
"""Trouble is looked for this often, to be written to the log when it begins and when it ends: flickering, it is one line a second."""
