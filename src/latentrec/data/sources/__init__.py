"""One reader a public data set."""
