"""Recipes, run events (both torch-free) and the training loop."""
