"""Small U-Nets, sized to the budget."""
