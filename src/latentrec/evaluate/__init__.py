"""Full-ranking evaluation: ranks, metrics and how sure they are."""
