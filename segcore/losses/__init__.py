"""Loss functions for rare foreground: one signature, one explicit catalogue."""
