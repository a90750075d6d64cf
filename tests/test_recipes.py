"""The programs that make the assets, on small data."""

import math

import pytest
import torch
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

import course
from course.hub import END_OF_TEXT
from course.recipes import gpt2, training, vocabulary
from course.recipes.kneser_ney import KneserNeyTrigram
from course.recipes.training import bits, learning_rate_at

IDS = [0, 1, 2, 0, 1, 3, 0, 1, 2, 2, 4, 0, 1, 2]


def tiny_model() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=11, n_positions=128, n_embd=16, n_layer=1, n_head=2, attn_pdrop=0.0,
            bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip


# --- the trigram model


@pytest.mark.parametrize("context", [(0, 1), (1, 2), (4, 4), (9, 9)])
def test_probabilities_sum_to_one_in_every_context(context):
    trigram = KneserNeyTrigram(IDS, vocab_size=10)
    assert sum(trigram.probability(*context, c) for c in range(10)) == pytest.approx(1)


def test_what_was_seen_is_likelier_than_what_was_not():
    trigram = KneserNeyTrigram(IDS, vocab_size=10)
    assert trigram.probability(0, 1, 2) > trigram.probability(0, 1, 3)
    assert trigram.probability(0, 1, 3) > trigram.probability(0, 1, 9) > 0


def test_an_id_that_follows_many_others_is_likelier_after_an_unknown_context():
    """`7` is frequent but stands only after `6`; Kneser-Ney counts contexts, not occurrences."""
    ids = [6, 7] * 20 + [1, 5, 2, 5, 3, 5, 4, 5]
    trigram = KneserNeyTrigram(ids, vocab_size=10)
    assert trigram.probability(9, 9, 5) > trigram.probability(9, 9, 7)


def test_a_text_that_repeats_takes_few_bits():
    ids = [1, 2, 3, 4] * 50
    assert KneserNeyTrigram(ids, 10).bits([1, 2, 3, 4] * 5, before=(3, 4)) < 10


# --- training


class Stopped(Exception):
    """Stands for a power cut."""


def test_a_run_that_was_stopped_reaches_the_same_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", -1)
    batch_of = gpt2.batches(torch.arange(300) % 11)
    whole = training.train(tiny_model(), batch_of, 6, tmp_path / "whole.pt")
    drawn = []

    def stops_in_the_fourth_step(generator):
        drawn.append(generator)
        if len(drawn) == 4:
            raise Stopped
        return batch_of(generator)

    with pytest.raises(Stopped):
        training.train(tiny_model(), stops_in_the_fourth_step, 6, tmp_path / "half.pt")
    resumed = training.train(tiny_model(), batch_of, 6, tmp_path / "half.pt")
    for a, b in zip(whole.parameters(), resumed.parameters()):
        assert torch.equal(a, b)


def test_training_learns_a_pattern(tmp_path):
    ids = torch.arange(400) % 11
    model = tiny_model()
    before = bits(model.eval(), ids[:50])
    training.train(model, gpt2.batches(ids), 60, tmp_path / "x.pt", learning_rate=1e-2)
    assert bits(model, ids[:50]) < before / 2


def test_bits_agree_with_one_pass_where_the_text_fits_the_window():
    model, ids = tiny_model().eval(), torch.arange(30) % 11
    with torch.inference_mode():
        log_probs = model(ids[None]).logits[0].log_softmax(-1)
    expected = -sum(log_probs[i, ids[i + 1]].item() for i in range(29)) / math.log(2)
    assert bits(model, ids, window=64) == pytest.approx(expected, rel=1e-4)


def test_the_learning_rate_rises_and_falls():
    rates = [learning_rate_at(step, 1000, 1.0) for step in range(1000)]
    assert max(rates) == 1.0 and rates[0] < 0.05 and rates[-1] < 0.05
    assert rates.index(1.0) == 99


# --- the data


def test_the_held_out_tenth_is_a_tenth_and_nothing_is_lost():
    kept, held_out = gpt2.split(course.textbook())
    assert 0.08 < len(held_out) / len(course.textbook()) < 0.12
    paragraphs = course.textbook().split("\n\n")
    assert sorted(kept.split("\n\n") + held_out.split("\n\n")) == sorted(paragraphs)


def test_labels_are_the_ids_moved_by_one():
    input_ids, labels = gpt2.batches(torch.arange(500))(torch.Generator().manual_seed(0))
    assert input_ids.shape == labels.shape == (gpt2.BATCH_SIZE, gpt2.CONTEXT_LENGTH)
    assert torch.equal(labels, input_ids + 1)


def test_the_longest_copied_run_is_found():
    assert gpt2.longest_copied_run([9, 2, 3, 4, 9], [1, 2, 3, 4, 5]) == 3
    assert gpt2.longest_copied_run([12, 3], [1, 2, 3]) == 1
    assert gpt2.longest_copied_run([7], [1]) == 0


def test_the_vocabulary_is_what_its_recipe_makes():
    texts = list(vocabulary.texts().values())
    made: Tokenizer = vocabulary.train(texts)
    ours = course.encoding()
    assert made.get_vocab()[END_OF_TEXT] == ours.eot_token == ours.n_vocab - 1
    assert made.encode(texts[0]).ids == ours.encode_ordinary(texts[0])
