"""`muster follow`: another registry's instances as copies here, and what differs between the two."""
