"""Small shared controls."""
