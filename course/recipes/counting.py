"""What counting pairs of tokens says before any training: soft targets, and first embeddings."""

import torch
import torch.nn.functional as F

NEAR = 3  # tokens that stand at most so far apart have company


def bigram_probabilities(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """P(next | id) as a matrix (id, next), by interpolated Kneser-Ney with one discount."""
    counts = _pairs(ids, 1, vocab_size)
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    discount = once / (once + 2 * twice).clamp(min=1)
    kinds = (counts > 0).sum(1, keepdim=True)
    total = counts.sum(1, keepdim=True)
    lower = (counts > 0).sum(0) + 0.5  # in how many contexts an id stands, not how often
    lower = lower / lower.sum()
    interpolated = (counts - discount).clamp(min=0) + discount * kinds * lower
    return torch.where(total > 0, interpolated / total.clamp(min=1), lower)


class TrigramTargets:
    """P(next | two ids) at each place of a text, as counted at all other places of it.

    Interpolated Kneser-Ney with one discount over `bigram_probabilities`. The place itself does not
    count: a context that stands there alone would foretell its own next token.
    """

    def __init__(self, ids: torch.Tensor, vocab_size: int):
        self._vocab_size = vocab_size
        self._bigrams = bigram_probabilities(ids, vocab_size).bfloat16()
        contexts = ids[:-2] * vocab_size + ids[1:-1]
        trigrams, counts = (contexts * vocab_size + ids[2:]).unique(return_counts=True)
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        self._discount = once / (once + 2 * twice).clamp(min=1)
        self._next, self._counts = trigrams % vocab_size, counts.float()
        self._contexts, self._kinds = (trigrams // vocab_size).unique_consecutive(
            return_counts=True
        )
        self._first = self._kinds.cumsum(0) - self._kinds  # of a context's trigrams

    def __call__(self, input_ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """For input ids and labels (batch, time): probabilities (batch * time, vocabulary)."""
        before = F.pad(input_ids[:, :-1], (1, 0), value=-1)  # the first has no trigram
        asked = (before * self._vocab_size + input_ids).flatten()
        at = torch.searchsorted(self._contexts, asked).clamp(max=len(self._contexts) - 1)
        known = (self._contexts[at] == asked).nonzero().flatten()
        kinds, first = self._kinds[at[known]], self._first[at[known]]
        rows = known.repeat_interleave(kinds)
        within = torch.arange(len(rows)) - (kinds.cumsum(0) - kinds).repeat_interleave(kinds)
        entries = first.repeat_interleave(kinds) + within
        following = self._next[entries]
        counts = self._counts[entries] - (following == labels.flatten()[rows]).float()
        total = torch.zeros(len(asked)).index_add(0, rows, counts).clamp(min=1)
        shares = (counts - self._discount).clamp(min=0) / total[rows]
        rest = 1 - torch.zeros(len(asked)).index_add(0, rows, shares)
        targets = self._bigrams[input_ids.flatten()] * rest[:, None].bfloat16()
        return targets.index_put_((rows, following), shares.bfloat16(), accumulate=True)


def company_embeddings(ids: torch.Tensor, vocab_size: int, width: int, std: float) -> torch.Tensor:
    """Vectors (id, width), alike for ids that keep the same company, for embeddings to start from.

    The factors of the positive pointwise mutual information of ids that stand near each other,
    near ones counting for more (Levy and Goldberg 2014; Levy, Goldberg and Dagan 2015).
    """
    counts = sum(_pairs(ids, apart, vocab_size) / apart for apart in range(1, NEAR + 1))
    counts = counts + counts.T
    own = counts.sum(1, keepdim=True) + 1
    other = counts.sum(0) ** 0.75 + 1  # rare ids count for more than they should without this
    information = (counts * other.sum() / (own * other)).clamp(min=1).log()
    vectors, sizes, _ = torch.svd_lowrank(information, width, niter=2)
    turned, _ = torch.linalg.qr(torch.randn(width, width))  # no feature is larger than the others
    embeddings = (vectors * sizes.sqrt()) @ turned
    return embeddings * (std / embeddings.std())


def _pairs(ids: torch.Tensor, apart: int, vocab_size: int) -> torch.Tensor:
    """How often each pair of ids (first, second) stands so far apart."""
    cells = ids[:-apart] * vocab_size + ids[apart:]
    return torch.bincount(cells, minlength=vocab_size**2).view(vocab_size, vocab_size).float()
