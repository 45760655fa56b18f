"""Projects: cases, masks and their versions, splits, runs and the audit trail, kept so that nothing is ever lost."""
