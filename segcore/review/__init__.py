"""Findings, worklists and decisions: reviewing what a model proposes."""
