"""What counting pairs of tokens says before any training: soft targets, and first embeddings."""

import torch

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
