"""Opinions: from facts to ranked trainer plans, every decision with its reason."""
