"""Scans and masks in memory, and the file formats they come from."""
