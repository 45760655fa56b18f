"""Planes, overlays and painting tools."""
