"""Makes the course's GPT-2: a small `GPT2LMHeadModel` trained on the textbook.

    python -m course.recipes.gpt2

A tenth of the textbook is held out, and the figures that it prints are measured on it.
"""

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from course.hub import ASSETS, encoding, textbook
from course.recipes.counting import TrigramTargets, company_embeddings
from course.recipes.kneser_ney import KneserNeyTrigram
from course.recipes.network import GPT
from course.recipes.training import bits, muon, train

CHECKPOINTS = Path("build") / "checkpoints"
STEPS, SMOKE_STEPS = 4800, 4
BATCH_SIZE, CONTEXT_LENGTH = 8, 512
LEARNING_RATE, WEIGHT_DECAY = 4e-3, 0.2
DROPOUT = 0.2
SOFT_SHARE = 0.5, 0.2  # of the first step's targets and of the last one's
EMBEDDING_STD = 0.03
PROMPTS = (
    "Mara looked at the bicycle and",
    "A customer who is angry",
    "The price of the",
    '"I don\'t know," said Samuel.',
)


def config() -> GPT2Config:
    end_of_text = encoding().eot_token
    return GPT2Config(
        vocab_size=encoding().n_vocab,
        n_positions=CONTEXT_LENGTH,
        n_embd=256,
        n_layer=4,
        n_head=4,
        resid_pdrop=DROPOUT,
        embd_pdrop=DROPOUT,
        attn_pdrop=0.0,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
    )


def tenths(text: str) -> list[tuple[str, bool]]:
    """The text in order, in pieces, each with whether it is held out.

    Every chapter gives up one tenth, whole paragraphs that stand together: the first chapter its
    first tenth, the second its second, and from the eleventh on again.
    """
    pieces = []
    title, *chapters = re.split(r"^(?=Chapter \d+: )", text, flags=re.M)
    for number, chapter in enumerate(chapters):
        position = 0
        for paragraph in re.split(r"(?<=\n\n)", chapter):
            middle = (position + len(paragraph) / 2) / len(chapter)
            pieces.append((paragraph, int(10 * middle) == number % 10))
            position += len(paragraph)
    return [(title, False), *pieces]


def book(text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The ids of the whole text (time,), and for each whether it is held out (time,)."""
    pieces = [(encoding().encode_ordinary(piece), out) for piece, out in tenths(text)]
    ids = [token for piece, _ in pieces for token in piece]
    return torch.tensor(ids), torch.tensor([out for piece, out in pieces for _ in piece])


def batches(ids: torch.Tensor):
    """A function that draws input ids and labels, both (batch, time), from anywhere in `ids`."""

    def batch_of(generator: torch.Generator):
        starts = torch.randint(len(ids) - CONTEXT_LENGTH, (BATCH_SIZE,), generator=generator)
        rows = torch.stack([ids[start : start + CONTEXT_LENGTH + 1] for start in starts])
        return rows[:, :-1], rows[:, 1:]

    return batch_of


def network_for(ids: torch.Tensor) -> GPT:
    """An untrained network, but for the token embeddings, which come from the company of `ids`."""
    network = GPT(config())
    embeddings = company_embeddings(ids, encoding().n_vocab, config().n_embd, EMBEDDING_STD)
    with torch.no_grad():
        network.wte.weight.copy_(embeddings)
    return network


def softened_loss(soft_targets: TrigramTargets) -> Callable[..., torch.Tensor]:
    """Cross-entropy with targets that are mixed with what a trigram model expects.

    One text shows one next token; that others could stand there too is what smoothing knows, and
    the network need not find it out again (Xie et al. 2017, "Data noising as smoothing", and the
    label smoothing of Szegedy et al. 2016).
    """

    def loss_of(logits, input_ids, labels, progress: float) -> torch.Tensor:
        log_probs = logits.log_softmax(-1).flatten(0, 1)
        hard = F.nll_loss(log_probs, labels.flatten())
        targets = soft_targets(input_ids.cpu(), labels.cpu()).to(log_probs.device)
        soft = -(targets * log_probs).sum(-1, dtype=torch.float32).mean()
        first, last = SOFT_SHARE
        return torch.lerp(hard.float(), soft, first + (last - first) * progress)

    return loss_of


def figures(model: torch.nn.Module) -> dict[str, float]:
    """Bits per byte of the held-out tenth, by the model and by a trigram, both in single precision.

    Both have learned from the same tokens, and see before each token what stands before it in the
    book: the trigram two tokens, the model up to its context length.
    """
    ids, held_out = book(textbook())
    n_bytes = sum(len(piece.encode()) for piece, out in tenths(textbook()) if out)
    trigram = KneserNeyTrigram(ids[~held_out].tolist(), encoding().n_vocab)
    by_trigram = trigram_bits(trigram, ids, held_out) / n_bytes
    by_model = bits(model.float(), ids, held_out, CONTEXT_LENGTH) / n_bytes
    return {
        "bits_per_byte": by_model,
        "bits_per_byte_of_trigram": by_trigram,
        "ratio": by_model / by_trigram,
    }


def trigram_bits(trigram: KneserNeyTrigram, ids: torch.Tensor, scored: torch.Tensor) -> float:
    """The code length of the ids where `scored`, each after the two before it; the first two never."""
    tokens, at = ids.tolist(), scored.nonzero().flatten().tolist()
    return sum(
        trigram.bits([tokens[i]], before=(tokens[i - 2], tokens[i - 1])) for i in at if i > 1
    )


def samples(model: GPT2LMHeadModel, n_tokens: int = 200) -> list[list[int]]:
    """Continuations of the prompts, prompts included, always the same ones."""
    written = []
    for seed, prompt in enumerate(PROMPTS):
        torch.manual_seed(seed)
        ids = torch.tensor([encoding().encode_ordinary(prompt)], device=model.device)
        sample = model.generate(
            ids, max_new_tokens=n_tokens, do_sample=True, top_p=0.9, temperature=0.8,
            attention_mask=torch.ones_like(ids), pad_token_id=encoding().eot_token,
        )  # fmt: skip
        written.append(sample[0].tolist())
    return written


def longest_copied_run(sample: list[int], source: list[int]) -> int:
    """The length of the longest run of ids in `sample` that also stands in `source`."""
    text = " " + " ".join(map(str, source)) + " "
    longest = 0
    for start in range(len(sample)):
        while start + longest < len(sample):
            run = " ".join(map(str, sample[start : start + longest + 1]))
            if f" {run} " not in text:
                break
            longest += 1
    return longest


def make(steps: int, checkpoint: Path) -> GPT2LMHeadModel:
    """Trains on all but the held-out tenth, from the checkpoint on if there is one."""
    torch.manual_seed(0)
    ids, held_out = book(textbook())
    ids = ids[~held_out]
    network = network_for(ids)
    soft_targets = TrigramTargets(ids, encoding().n_vocab)
    optimizers = partial(muon, learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    train(network, batches(ids), steps, checkpoint, optimizers, softened_loss(soft_targets))
    return network.to_transformers()


def save(model: GPT2LMHeadModel, folder: Path) -> None:
    """In half precision, beside the vocabulary."""
    model.half().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


def report(model: GPT2LMHeadModel) -> None:
    for key, value in figures(model).items():
        print(f"{key}: {value:.4f}")
    source = book(textbook())[0].tolist()
    for sample in samples(model):
        print(f"\n{encoding().decode(sample)}")
        print(f"longest copied run: {longest_copied_run(sample, source)} tokens")


def smoke() -> None:
    checkpoint = CHECKPOINTS / "gpt2-smoke.pt"
    checkpoint.unlink(missing_ok=True)
    for sample in samples(make(SMOKE_STEPS, checkpoint), n_tokens=20):
        print(encoding().decode(sample))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a minute's run that keeps nothing")
    parser.add_argument(
        "--steps", type=int, default=STEPS,
        help="a run that was stopped goes on; with fewer steps it comes to its end sooner",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.smoke:
        return smoke()
    model = make(arguments.steps, CHECKPOINTS / "gpt2.pt")
    save(model, ASSETS / "gpt2")
    report(model)


if __name__ == "__main__":
    main()
