"""Trust."""

TOKENS = 256
"""Write tokens in a file; each change compares with all of them."""
TOKEN_MIN_CHARS = 16
"""A token shorter than this can be guessed."""
FILES_CHECKED_S = 2.0
"""Certificates and token files are looked at this often."""
JOURNAL_LOOKS_S = 1.0
"""Trouble is looked for this often, to be written to the log when it begins and when it ends: flickering, it is one line a second."""
