"""Workspace: cases, import, integrity report, split."""
