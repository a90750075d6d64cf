"""A trigram model with interpolated Kneser-Ney smoothing: what a neural model must beat.

Kneser and Ney 1995, in the interpolated form of Chen and Goodman 1999, with one discount an order.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise


class KneserNeyTrigram:
    """Probabilities of the next id given the two before it, counted in `ids`."""

    def __init__(self, ids: Sequence[int], vocab_size: int):
        trigrams = Counter(zip(ids, ids[1:], ids[2:]))
        # Lower orders count in how many contexts an n-gram stands, not how often.
        bigrams = Counter((b, c) for _, b, c in trigrams)
        unigrams = Counter(c for _, c in set(pairwise(ids)))
        self.vocab_size = vocab_size
        self._trigrams = _Order(trigrams)
        self._bigrams = _Order(bigrams)
        self._unigrams = _Order(Counter({(c,): n for c, n in unigrams.items()}))

    def probability(self, a: int, b: int, c: int) -> float:
        """P(c | a, b); sums to 1 over c."""
        p = 1 / self.vocab_size
        p = self._unigrams.probability((c,), p)
        p = self._bigrams.probability((b, c), p)
        return self._trigrams.probability((a, b, c), p)

    def bits(self, ids: Sequence[int], before: tuple[int, int]) -> float:
        """The code length of `ids` in bits, after the two ids in `before`."""
        ids = [*before, *ids]
        return -sum(math.log2(self.probability(*ids[i : i + 3])) for i in range(len(ids) - 2))


class _Order:
    """Discounted counts of the n-grams of one order, by context."""

    def __init__(self, counts: Counter):
        self.counts = counts
        self.total, self.kinds = Counter(), Counter()
        for ngram, n in counts.items():
            self.total[ngram[:-1]] += n
            self.kinds[ngram[:-1]] += 1
        once = sum(n == 1 for n in counts.values())
        twice = sum(n == 2 for n in counts.values())
        self.discount = once / (once + 2 * twice) if once else 0.0

    def probability(self, ngram: tuple[int, ...], lower: float) -> float:
        """The discounted share of the n-gram in its context, the rest given out as `lower`."""
        context = ngram[:-1]
        if not self.total[context]:
            return lower
        kept = max(self.counts[ngram] - self.discount, 0)
        return (kept + self.discount * self.kinds[context] * lower) / self.total[context]
