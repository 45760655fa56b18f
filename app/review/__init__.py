"""Workspace: predictions, worklist, decisions."""
