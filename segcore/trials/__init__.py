"""Trials: several recipes, several seeds, one split, one budget; then test cases, looked at once, and honest statistics."""
