"""One file per verb, each with one `command`."""
