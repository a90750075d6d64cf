"""Makes the course's GPT-2: a small `GPT2LMHeadModel` trained on the textbook.

    python -m course.recipes.gpt2

A tenth of the textbook's paragraphs is held out; the figures that it prints are measured on it.
"""

import argparse
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from course.hub import ASSETS, encoding, textbook
from course.recipes.kneser_ney import KneserNeyTrigram
from course.recipes.training import bits, train

CHECKPOINTS = Path("build") / "checkpoints"
STEPS, SMOKE_STEPS = 6000, 20
BATCH_SIZE, CONTEXT_LENGTH = 16, 128


def config() -> GPT2Config:
    end_of_text = encoding().eot_token
    return GPT2Config(
        vocab_size=encoding().n_vocab,
        n_positions=256,
        n_embd=256,
        n_layer=5,
        n_head=8,
        resid_pdrop=0.3,
        embd_pdrop=0.3,
        attn_pdrop=0.0,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
    )


def split(text: str) -> tuple[str, str]:
    """The text without every tenth paragraph, and those paragraphs."""
    paragraphs = text.split("\n\n")
    kept = [p for i, p in enumerate(paragraphs) if i % 10 != 7]
    held_out = [p for i, p in enumerate(paragraphs) if i % 10 == 7]
    return "\n\n".join(kept), "\n\n".join(held_out)


def token_ids(text: str) -> torch.Tensor:
    return torch.tensor(encoding().encode_ordinary(text))


def batches(ids: torch.Tensor):
    """A function that draws input ids and labels, both (batch, time), from anywhere in `ids`."""

    def batch_of(generator: torch.Generator):
        starts = torch.randint(len(ids) - CONTEXT_LENGTH, (BATCH_SIZE,), generator=generator)
        rows = torch.stack([ids[start : start + CONTEXT_LENGTH + 1] for start in starts])
        return rows[:, :-1], rows[:, 1:]

    return batch_of


def figures(model: GPT2LMHeadModel) -> dict[str, float]:
    """Bits per byte of the held-out paragraphs, by the model and by a trigram on the same tokens."""
    kept, held_out = split(textbook())
    ids, test = token_ids(kept), token_ids(held_out)
    n_bytes = len(held_out.encode())
    trigram = KneserNeyTrigram(ids.tolist(), encoding().n_vocab)
    by_trigram = trigram.bits(test[1:].tolist(), before=(ids[-1].item(), test[0].item())) / n_bytes
    by_model = bits(model, test) / n_bytes
    return {
        "bits_per_byte": by_model,
        "bits_per_byte_of_trigram": by_trigram,
        "ratio": by_model / by_trigram,
    }


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a minute's run that keeps nothing")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = GPT2LMHeadModel(config())
    kept, _ = split(textbook())
    ids = token_ids(kept)
    steps = SMOKE_STEPS if arguments.smoke else arguments.steps
    name = "gpt2-smoke.pt" if arguments.smoke else "gpt2.pt"
    train(model, batches(ids), steps, CHECKPOINTS / name)
    for key, value in figures(model).items():
        print(f"{key}: {value:.4f}")
    prompt = token_ids("Mara looked at the bicycle and")
    torch.manual_seed(0)
    sample = model.generate(
        prompt[None].to(model.device),
        max_new_tokens=200,
        do_sample=True,
        top_p=0.9,
        temperature=0.8,
    )[0].tolist()
    print(
        f"longest copied run: {longest_copied_run(sample, token_ids(textbook()).tolist())} tokens"
    )
    print(encoding().decode(sample))
    if not arguments.smoke:
        model.half().save_pretrained(ASSETS / "gpt2")


if __name__ == "__main__":
    main()
