"""The training loop of the course's small models: seeded, resumable, on a CPU or a GPU."""

import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from tqdm import tqdm

IGNORED = -100  # a label that is not scored
WARMUP_STEPS = 200
SAVE_EVERY = 120  # seconds

Optimizers = list[torch.optim.Optimizer]


def next_token_loss(logits, input_ids, labels, progress: float) -> torch.Tensor:
    """Cross-entropy where a label is not `IGNORED`; inputs and progress (0 to 1) do not matter."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def adamw(model: torch.nn.Module, learning_rate=1.5e-3, weight_decay=0.1) -> Optimizers:
    """AdamW (Loshchilov and Hutter 2019) for everything; only matrices decay."""
    return [_adamw(model.parameters(), learning_rate, weight_decay)]


def muon(model: torch.nn.Module, learning_rate=5e-3, weight_decay=0.1) -> Optimizers:
    """Muon (Jordan 2024) for the matrices between the embeddings, AdamW for all other parameters.

    Muon takes the nearest orthogonal matrix for a step, so that every direction learns equally
    fast. Its steps are scaled to the size of AdamW's (Liu et al. 2025): both have one rate.
    """
    embeddings = {
        parameter
        for module in model.modules()
        if isinstance(module, torch.nn.Embedding)
        for parameter in module.parameters()
    }
    matrices = [p for p in model.parameters() if p.dim() == 2 and p not in embeddings]
    others = [p for p in model.parameters() if p.dim() != 2 or p in embeddings]
    return [
        torch.optim.Muon(
            matrices,
            lr=learning_rate,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        _adamw(others, learning_rate, weight_decay),
    ]


def _adamw(parameters, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    parameters = list(parameters)
    return torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.dim() > 1]},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=learning_rate,
        weight_decay=weight_decay,
        betas=(0.9, 0.98),
        fused=True,
    )


def train(
    model: torch.nn.Module,
    batch_of: Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]],
    steps: int,
    checkpoint: Path,
    make_optimizers: Callable[[torch.nn.Module], Optimizers] = adamw,
    loss_of: Callable[..., torch.Tensor] = next_token_loss,
    seed: int = 0,
    rate_at: Callable[[int, int, float], float] | None = None,
) -> torch.nn.Module:
    """Trains a causal language model, ours or one of transformers, and returns it in eval mode.

    `batch_of(generator)` gives input ids and labels, both (batch, time) long, with labels moved by
    one already and `IGNORED` where nothing is scored. Every step has a generator of its own, so a
    run that was stopped goes on from `checkpoint` to the numbers that it would have reached.
    `rate_at(step, steps, peak)` is the learning rate; without it, `learning_rate_at`.
    """
    rate_at = rate_at or learning_rate_at
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    optimizers = make_optimizers(model)
    peaks = [group["lr"] for group in _groups(optimizers)]
    first = _resume(model, optimizers, checkpoint, device)
    saved = time.monotonic()
    bar = tqdm(range(first, steps), initial=first, total=steps, mininterval=5, desc=checkpoint.stem)
    for step in bar:
        for group, peak in zip(_groups(optimizers), peaks, strict=True):
            group["lr"] = rate_at(step, steps, peak)
        torch.manual_seed(seed * 1_000_003 + step)  # dropout
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        input_ids, labels = (part.to(device) for part in batch_of(generator))
        with torch.autocast(device, torch.bfloat16):
            logits = logits_of(model, input_ids)
        loss = loss_of(logits, input_ids, labels, step / steps)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if time.monotonic() - saved > SAVE_EVERY or step == steps - 1:
            _save(model, optimizers, step + 1, checkpoint)
            saved = time.monotonic()
    return model.eval()


def _groups(optimizers: Optimizers) -> list[dict]:
    return [group for optimizer in optimizers for group in optimizer.param_groups]


def logits_of(model: torch.nn.Module, input_ids: torch.Tensor) -> torch.Tensor:
    """What the model gives (batch, time, vocabulary), alone or in an output of transformers."""
    output = model(input_ids)
    return output if isinstance(output, torch.Tensor) else output.logits


def learning_rate_at(step: int, steps: int, peak: float) -> float:
    """A linear warm-up, then half a cosine down to 3 % of the peak."""
    warmup = min(WARMUP_STEPS, steps // 10)
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * (0.03 + 0.97 * (1 + math.cos(math.pi * progress)) / 2)


@torch.inference_mode()
def bits(model: torch.nn.Module, ids: torch.Tensor, scored: torch.Tensor, window: int) -> float:
    """The code length in bits of those `ids` (time,) where `scored` (time,) is true.

    Each is seen after all ids before it, but at most a window and at least half a window of them;
    the first of all ids, which has none before it, is left out.
    """
    total, device = 0.0, next(model.parameters()).device
    positions = scored.nonzero().flatten().tolist()
    positions = deque(position for position in positions if position > 0)
    while positions:
        end = min(positions[0] + window // 2, len(ids))
        start = max(0, end - window)
        targets = []
        while positions and positions[0] < end:
            targets.append(positions.popleft())
        logits = logits_of(model, ids[None, start : end - 1].to(device))[0].float().cpu()
        at = torch.tensor(targets)
        total += F.cross_entropy(logits[at - 1 - start], ids[at], reduction="sum").item()
    return total / math.log(2)


def _save(model, optimizers: Optimizers, step: int, checkpoint: Path) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "step": step,
    }
    unfinished = checkpoint.with_suffix(".tmp")
    torch.save(state, unfinished)
    unfinished.replace(checkpoint)


def _resume(model, optimizers: Optimizers, checkpoint: Path, device: str) -> int:
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, map_location=device, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return state["step"]
