"""Workspace Trials: which technique helps on these scans, with statistics."""
