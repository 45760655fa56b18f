"""Measuring how rare the foreground is, and what follows from it."""
