"""From an interaction log to batches: read, split, index, pad."""
