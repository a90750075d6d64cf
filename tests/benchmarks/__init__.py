"""Measurements that a person asks for (`make bench-…`); no test depends on them."""
