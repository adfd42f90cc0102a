"""Engines: one file each. They take a Problem, never a Model."""
