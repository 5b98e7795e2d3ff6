"""The shell around the core: it waits, reads clocks, commits and wakes readers, so that the core never has to."""
