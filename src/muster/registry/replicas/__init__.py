"""Several registries on one store: who is here, who owns what, and asking one another. README.md beside this file is the tour."""
