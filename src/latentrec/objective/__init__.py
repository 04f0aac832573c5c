"""What training minimises: pure terms, and one objective per method."""
