"""Making lesions that are not in the scans from those that are. Needs no torch: the window previews it."""
