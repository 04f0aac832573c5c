"""Latent reasoning: from the encoded history to the state that is scored."""
