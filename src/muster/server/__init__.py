"""The process: configuration, composition, start and stop."""
