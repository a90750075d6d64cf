"""GPT-2's network in plain PyTorch, for training: much faster on a CPU than that of transformers.

Radford et al. 2019, after Karpathy's nanoGPT. It differs from the original in training only: a
dropout mask is one for a whole sequence (Gal and Ghahramani 2016), and queries, keys and values
have a matrix each, so that Muon sees them one by one.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel


class SequenceDropout(nn.Module):
    """Drops features (batch, time, features) for all of a sequence's tokens, or for none."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.p:
            return x
        kept = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= self.p
        return x * (kept / (1 - self.p)).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, config: GPT2Config):
        super().__init__()
        width = config.n_embd
        self.n_head = config.n_head
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, time, width = x.shape
        q, k, v = (
            layer(x).view(batch, time, self.n_head, -1).transpose(1, 2)  # (batch, head, time, size)
            for layer in (self.query, self.key, self.value)
        )
        # Written out: on a CPU the backward pass of the fused attention takes three times as long.
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2) + mask
        mixed = scores.softmax(-1, dtype=q.dtype) @ v
        return self.c_proj(mixed.transpose(1, 2).reshape(batch, time, width))


class MLP(nn.Module):
    def __init__(self, config: GPT2Config):
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config: GPT2Config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = MLP(config)
        self.dropout = SequenceDropout(config.resid_pdrop)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = x + self.dropout(self.attn(self.ln_1(x), mask))
        return x + self.dropout(self.mlp(self.ln_2(x)))


class GPT(nn.Module):
    """Ids (batch, time) to logits (batch, time, vocabulary); the head is the token embedding."""

    def __init__(self, config: GPT2Config):
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.dropout = SequenceDropout(config.embd_pdrop)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        future = torch.full((config.n_positions, config.n_positions), -math.inf).triu(1)
        self.register_buffer("future", future, persistent=False)
        self._initialise()

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        time = ids.shape[1]
        x = self.dropout(self.wte(ids) + self.wpe.weight[:time])
        mask = self.future[:time, :time].to(
            torch.get_autocast_dtype(x.device.type)
            if torch.is_autocast_enabled(x.device.type)
            else x.dtype
        )
        for block in self.h:
            x = block(x, mask)
        return F.linear(self.ln_f(x), self.wte.weight)

    def _initialise(self) -> None:
        """Normal weights; what is added to the residual stream is smaller by the root of 2 layers."""
        width, n_layer = self.config.n_embd, self.config.n_layer
        for name, p in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(p)
            elif name in ("wte.weight", "wpe.weight"):
                nn.init.normal_(p, std=0.02 if name == "wte.weight" else 0.01)
            elif p.dim() == 2:
                scale = math.sqrt(2 * n_layer) if "c_proj" in name else 1.0
                nn.init.normal_(p, std=0.5 / math.sqrt(width) / scale)

    def to_transformers(self) -> GPT2LMHeadModel:
        """The same model as transformers has it, where q, k and v are one transposed matrix."""
        model = GPT2LMHeadModel(self.config)
        model.transformer.load_state_dict(dict(self._original_names()))
        model.tie_weights()
        return model.eval()

    def _original_names(self) -> Iterator[tuple[str, torch.Tensor]]:
        parts = self.state_dict()
        for name, part in parts.items():
            if ".query." in name:
                qkv = [parts[name.replace("query", kind)] for kind in ("query", "key", "value")]
                name, part = name.replace("query", "c_attn"), torch.cat(qkv)
            elif ".key." in name or ".value." in name:
                continue
            is_matrix = name.startswith("h.") and part.dim() == 2
            yield name, part.T.contiguous() if is_matrix else part
