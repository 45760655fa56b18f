"""What a person can choose between, described without importing torch: losses, samplers, augmentations, networks."""
