"""File formats: one module each, behind one explicit table."""
