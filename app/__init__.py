"""The Qt application: a window over segcore; never imports torch."""
