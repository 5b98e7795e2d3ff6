"""`muster run`: a program in any language as an instance. Start at `sequence.py`."""
