"""Pure choices over a snapshot: who gets the next request, and what follows from how it went. Time, dice and hash are arguments."""
