"""The training loop of the course's small models: seeded, resumable, on a CPU or a GPU."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from tqdm import tqdm

IGNORED = -100  # a label that is not scored
WARMUP_STEPS = 200
SAVE_EVERY = 120  # seconds


def train(
    model: torch.nn.Module,
    batch_of: Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]],
    steps: int,
    checkpoint: Path,
    learning_rate: float = 1.5e-3,
    weight_decay: float = 0.1,
    seed: int = 0,
) -> torch.nn.Module:
    """Trains a causal language model of transformers and returns it in eval mode.

    `batch_of(generator)` gives input ids and labels, both (batch, time) long, with labels moved by
    one already and `IGNORED` where nothing is scored. Every step has a generator of its own, so a
    run that was stopped goes on from `checkpoint` to the numbers that it would have reached.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.dim() > 1]},
            {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
        ],
        weight_decay=weight_decay,
        betas=(0.9, 0.98),
        fused=True,
    )
    first = _resume(model, optimizer, checkpoint, device)
    saved = time.monotonic()
    bar = tqdm(range(first, steps), initial=first, total=steps, mininterval=5, desc=checkpoint.stem)
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, steps, learning_rate)
        torch.manual_seed(seed * 1_000_003 + step)  # dropout
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        input_ids, labels = (part.to(device) for part in batch_of(generator))
        with torch.autocast(device, torch.bfloat16):
            logits = model(input_ids, use_cache=False).logits
        loss = F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if time.monotonic() - saved > SAVE_EVERY or step == steps - 1:
            _save(model, optimizer, step + 1, checkpoint)
            saved = time.monotonic()
    return model.eval()


def learning_rate_at(step: int, steps: int, peak: float) -> float:
    """A linear warm-up, then half a cosine down to 3 % of the peak."""
    warmup = min(WARMUP_STEPS, steps // 10)
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * (0.03 + 0.97 * (1 + math.cos(math.pi * progress)) / 2)


def bits(model: torch.nn.Module, ids: torch.Tensor, window: int = 256) -> float:
    """The code length in bits of `ids` (time,) but the first, each seen with half a window before it."""
    total, done = 0.0, 1
    device = next(model.parameters()).device
    with torch.inference_mode():
        while done < len(ids):
            start = max(0, done - window // 2)
            end = min(start + window, len(ids))
            logits = model(ids[None, start:end].to(device)).logits[0].float().cpu()
            predicted = logits[done - 1 - start : end - 1 - start]
            total += F.cross_entropy(predicted, ids[done:end], reduction="sum").item()
            done = end
    return total / math.log(2)


def _save(model, optimizer, step: int, checkpoint: Path) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    unfinished = checkpoint.with_suffix(".tmp")
    torch.save(state, unfinished)
    unfinished.replace(checkpoint)


def _resume(model, optimizer, checkpoint: Path, device: str) -> int:
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, map_location=device, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]
