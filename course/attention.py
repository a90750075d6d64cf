"""Multi-head attention as the later labs import it: lab 4's module on the library's fused kernel."""

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


class MultiHeadAttention(nn.Module):
    """Attention of `n_heads` heads, each `d_model / n_heads` wide (Vaswani et al. 2017).

    The parameters have the names that lab 4 gives them, so that a state dict fits both. Weights are
    dropped with probability `dropout` in training. Raises `ValueError` where the heads do not fit.
    """

    def __init__(self, d_model: int, n_heads: int, dropout: float = 0.0):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"d_model {d_model} cannot be split into {n_heads} heads")
        self.n_heads, self.dropout = n_heads, dropout
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model)
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x, mask=None, memory=None) -> torch.Tensor:
        """What each position of `x`, (batch, time, d_model), sees in `memory`, or in `x` itself.

        `mask` is boolean, True where a query may look at a key, and broadcasts to (batch, n_heads,
        time, memory time). Where a query may look at nothing, its heads give zeros.
        """
        memory = x if memory is None else memory
        q, k, v = self._heads(self.query(x)), self._heads(self.key(memory)), self.value(memory)
        seen = scaled_dot_product_attention(
            q, k, self._heads(v), mask, dropout_p=self.dropout if self.training else 0.0
        )
        return self.output(seen.transpose(1, 2).flatten(2))

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, d_model) -> (batch, n_heads, time, head_dim)"""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
