"""From item indices to logits: item embedding, sequence encoder, reasoner, recommender."""
