"""Implementations of the Store port of `muster.registry.store`; README.md beside this file is the tour."""
