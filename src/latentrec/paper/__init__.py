"""The PLR paper's section 6, from data to every table and figure."""
