"""`muster render`: files for programs that read files, kept as the registry has it."""
