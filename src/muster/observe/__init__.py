"""What the registry tells of itself: metrics and the lateness of its loop."""
