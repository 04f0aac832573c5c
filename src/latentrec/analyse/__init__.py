"""Analyses of trained models: each answers one question with a figure, a table and JSON."""
