"""Drawing patches so that the rare class is seen."""
