"""Pure array edits, undo history and the stroke journal."""
