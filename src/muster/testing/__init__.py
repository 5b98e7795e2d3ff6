"""Fakes that Muster's own tests use, shipped for yours."""
