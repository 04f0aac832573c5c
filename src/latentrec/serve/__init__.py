"""The HTTP server: recommendations, reasons and events over a run folder."""
