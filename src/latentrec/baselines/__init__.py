"""Recommenders without gradients, printed beside every neural result."""
