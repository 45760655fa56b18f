"""Other people's recipes, run in an interpreter of their own."""
