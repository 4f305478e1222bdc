"""What the gateway tells of itself: the recorder of decisions, and the log."""
