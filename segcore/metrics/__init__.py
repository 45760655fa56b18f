"""Voxel, lesion and surface metrics, their conventions for empty masks, and their statistics."""
