"""Random changes to patches, on the device where there is one."""
