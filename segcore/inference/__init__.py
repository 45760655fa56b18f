"""Whole-scan prediction and model folders."""
