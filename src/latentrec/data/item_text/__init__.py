"""Text vectors of items: from their own words, from a file, or from a text model."""
