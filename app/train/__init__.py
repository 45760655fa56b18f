"""Workspace: recipe form, live plots, runs."""
