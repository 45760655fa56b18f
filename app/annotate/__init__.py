"""Workspace: viewing and painting masks."""
