"""Where a token comes from, in order; login flow; storage."""
