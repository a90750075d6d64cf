"""The programs that make the assets, on small data."""

import json
import math
from collections import Counter
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

import course
from course.hub import ASSETS, END_OF_TEXT
from course.recipes import gpt2, training, vocabulary
from course.recipes.__main__ import MANIFEST, digests
from course.recipes.counting import TrigramTargets, bigram_probabilities, company_embeddings
from course.recipes.kneser_ney import KneserNeyTrigram
from course.recipes.network import GPT, SequenceDropout
from course.recipes.training import adamw, bits, learning_rate_at, muon

IDS = [0, 1, 2, 0, 1, 3, 0, 1, 2, 2, 4, 0, 1, 2]


def tiny_network(**settings) -> GPT:
    torch.manual_seed(0)
    return GPT(
        GPT2Config(
            vocab_size=11, n_positions=32, n_embd=16, n_layer=2, n_head=2,
            bos_token_id=0, eos_token_id=0, **settings,
        )
    )  # fmt: skip


@pytest.fixture
def short_batches(monkeypatch):
    """`gpt2.batches` for texts of a few hundred tokens."""
    monkeypatch.setattr(gpt2, "CONTEXT_LENGTH", 32)
    return gpt2.batches


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


@pytest.mark.parametrize("optimizers", [adamw, muon])
def test_a_run_that_was_stopped_reaches_the_same_numbers(
    tmp_path, monkeypatch, short_batches, optimizers
):
    monkeypatch.setattr(training, "SAVE_EVERY", -1)
    batch_of = short_batches(torch.arange(300) % 11)
    whole = training.train(tiny_network(), batch_of, 6, tmp_path / "whole.pt", optimizers)
    drawn = []

    def stops_in_the_fourth_step(generator):
        drawn.append(generator)
        if len(drawn) == 4:
            raise Stopped
        return batch_of(generator)

    with pytest.raises(Stopped):
        training.train(
            tiny_network(), stops_in_the_fourth_step, 6, tmp_path / "half.pt", optimizers
        )
    resumed = training.train(tiny_network(), batch_of, 6, tmp_path / "half.pt", optimizers)
    for a, b in zip(whole.parameters(), resumed.parameters()):
        assert torch.equal(a, b)


@pytest.mark.parametrize("as_in", ["ours", "transformers"])
@pytest.mark.parametrize("optimizers", [adamw, muon])
def test_training_learns_a_pattern(tmp_path, short_batches, optimizers, as_in):
    ids, scored = torch.arange(400) % 11, torch.arange(400) < 50
    model = tiny_network()
    if as_in == "transformers":
        model = model.to_transformers()
    before = bits(model.eval(), ids, scored, window=32)
    training.train(
        model, short_batches(ids), 60, tmp_path / "x.pt", partial(optimizers, learning_rate=1e-2)
    )
    assert bits(model, ids, scored, window=32) < before / 2


def test_muon_moves_the_matrices_between_the_embeddings_and_adamw_all_else():
    network = tiny_network()
    by_muon, by_adamw = (
        [p for group in optimizer.param_groups for p in group["params"]]
        for optimizer in muon(network)
    )
    names = {parameter: name for name, parameter in network.named_parameters()}
    assert len(by_muon) + len(by_adamw) == len(names)
    assert len(by_muon) == 6 * network.config.n_layer
    assert all(names[p].startswith("h.") and names[p].endswith("weight") for p in by_muon)


def test_bits_agree_with_one_pass_where_the_text_fits_the_window():
    model, ids = tiny_network().eval(), torch.arange(30) % 11
    scored = torch.arange(30) % 3 == 0
    with torch.inference_mode():
        log_probs = model(ids[None])[0].log_softmax(-1)
    expected = -sum(log_probs[i - 1, ids[i]].item() for i in range(3, 30, 3)) / math.log(2)
    assert bits(model, ids, scored, window=64) == pytest.approx(expected, rel=1e-4)


def test_bits_of_a_long_text_see_at_least_half_a_window():
    seen = []

    def model(ids):
        seen.append(ids[0].tolist())
        return torch.zeros(1, ids.shape[1], 128)

    model.parameters = lambda: iter([torch.zeros(1)])
    ids, scored = torch.arange(100), torch.arange(100) >= 60
    assert bits(model, ids, scored, window=16) == pytest.approx(40 * 7)
    assert seen[0] == list(range(52, 67))
    assert all(len(row) == 15 and row[7] % 8 == 3 for row in seen)


def test_the_learning_rate_rises_and_falls():
    rates = [learning_rate_at(step, 1000, 1.0) for step in range(1000)]
    assert max(rates) == 1.0 and rates[0] < 0.05 and rates[-1] < 0.05
    assert rates.index(1.0) == 99


# --- what counting says


def test_bigram_probabilities_sum_to_one_and_know_what_was_seen():
    probabilities = bigram_probabilities(torch.tensor(IDS), 10)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(10))
    assert (probabilities > 0).all()
    assert probabilities[0].argmax() == 1
    assert probabilities[1, 2] > probabilities[1, 3] > probabilities[1, 9]
    torch.testing.assert_close(probabilities[8], probabilities[9])


def test_ids_that_keep_the_same_company_start_alike():
    torch.manual_seed(0)
    lines = [[a, 0, b, 1] for a in (4, 5) for b in (2, 3)] * 10
    lines += [[6, 7, 8, 9] for _ in range(40)]
    ids = torch.tensor([i for line in lines for i in line])
    vectors = F.normalize(company_embeddings(ids, 10, 4, std=0.03), dim=1)
    assert vectors[2] @ vectors[3] > vectors[2] @ vectors[7]
    assert vectors.shape == (10, 4)


def test_trigram_targets_are_the_trigram_without_the_place_itself():
    """Each as a model of the same text says that lacks just this token, but for its lower orders."""
    ids, vocab_size = torch.tensor(IDS), max(IDS) + 2
    targets = TrigramTargets(ids, vocab_size)(ids[None, :-1], ids[None, 1:]).float()
    bigrams = bigram_probabilities(ids, vocab_size)
    torch.testing.assert_close(targets.sum(1), torch.ones(len(ids) - 1), atol=0.01, rtol=0)
    counts = Counter(zip(IDS, IDS[1:], IDS[2:]))
    once, twice = (sum(n == k for n in counts.values()) for k in (1, 2))
    discount = once / (once + 2 * twice)
    for place in range(1, len(IDS) - 1):
        a, b, own = IDS[place - 1 : place + 2]
        others = counts - Counter([(a, b, own)])
        seen = {c: n for (x, y, c), n in others.items() if (x, y) == (a, b)}
        kept = {c: max(n - discount, 0) / sum(seen.values()) for c, n in seen.items()}
        for c in range(vocab_size):
            right = kept.get(c, 0) + (1 - sum(kept.values())) * bigrams[b, c].item()
            assert targets[place, c].item() == pytest.approx(right, abs=0.01)
    torch.testing.assert_close(targets[0], bigrams[IDS[0]], atol=0.01, rtol=0)


def test_the_loss_mixes_the_text_with_soft_targets_in_shares_that_change():
    torch.manual_seed(0)
    logits, ids = torch.randn(2, 5, 11), torch.arange(10).view(2, 5)
    reverse = torch.eye(11)[torch.arange(11).flip(0)]
    loss_of = gpt2.softened_loss(lambda input_ids, labels: reverse[input_ids.flatten()])
    hard, soft = (
        F.cross_entropy(logits.flatten(0, 1), targets.flatten()) for targets in (ids + 1, 10 - ids)
    )
    for progress, share in zip((0.0, 1.0), gpt2.SOFT_SHARE):
        expected = (1 - share) * hard + share * soft
        torch.testing.assert_close(loss_of(logits, ids, ids + 1, progress), expected)


# --- the network


def test_the_network_is_the_model_of_transformers():
    network, ids = tiny_network().eval(), torch.arange(60).view(2, 30) % 11
    with torch.inference_mode():
        ours, theirs = network(ids), network.to_transformers()(ids).logits
    torch.testing.assert_close(ours, theirs)


def test_a_saved_model_is_in_the_real_layout(tmp_path):
    network = tiny_network()
    network.to_transformers().half().save_pretrained(tmp_path)
    assert {"config.json", "generation_config.json", "model.safetensors"} == {
        path.name for path in tmp_path.iterdir()
    }
    again = GPT2LMHeadModel.from_pretrained(tmp_path)
    assert again.lm_head.weight is again.transformer.wte.weight
    assert again.dtype == torch.float16


def test_dropout_is_one_for_a_whole_sequence_and_only_in_training():
    dropout, x = SequenceDropout(0.5), torch.ones(3, 5, 400)
    torch.manual_seed(0)
    dropped = dropout.train()(x)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert dropped.mean().item() == pytest.approx(1, abs=0.1)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropout.eval()(x), x)


# --- the data


def test_the_held_out_tenth_is_a_tenth_and_nothing_is_lost():
    pieces = gpt2.tenths(course.textbook())
    assert "".join(piece for piece, _ in pieces) == course.textbook()
    held_out = sum(len(piece) for piece, out in pieces if out)
    assert 0.09 < held_out / len(course.textbook()) < 0.11


def test_every_chapter_gives_up_one_tenth_that_stands_together():
    chapters = [f"Chapter {n}: x\n\n" + f"{n:080}\n\n" * 99 for n in range(1, 13)]
    pieces = gpt2.tenths("".join(chapters))
    for number in range(12):
        out = [held for piece, held in pieces if piece == f"{number + 1:080}\n\n"]
        assert 8 <= sum(out) <= 12
        first = out.index(True)
        assert all(out[first : first + sum(out)])
        assert first == pytest.approx(10 * (number % 10), abs=3)


def test_the_trigram_sees_the_two_tokens_before_each_that_it_scores():
    trigram, ids = KneserNeyTrigram(IDS, vocab_size=10), torch.tensor(IDS)
    scored = torch.tensor([i in (1, 4, 9) for i in range(len(IDS))])
    expected = -math.log2(trigram.probability(2, 0, 1) * trigram.probability(1, 2, 2))
    assert gpt2.trigram_bits(trigram, ids, scored) == pytest.approx(expected)


def test_labels_are_the_ids_moved_by_one():
    input_ids, labels = gpt2.batches(torch.arange(2000))(torch.Generator().manual_seed(0))
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


# --- the model that the recipe made


@pytest.fixture(scope="module")
def made() -> GPT2LMHeadModel:
    return GPT2LMHeadModel.from_pretrained(ASSETS / "gpt2", dtype=torch.float32)


def test_the_model_needs_fewer_bits_than_the_trigram_on_text_that_neither_has_seen(made):
    measured = gpt2.figures(made)
    assert measured["ratio"] <= 0.90
    known = json.loads(MANIFEST.read_text())["figures"]["gpt2"]
    assert measured == pytest.approx({key: known[key] for key in measured}, rel=1e-3)


def test_the_model_does_not_recite_the_textbook(made):
    source = gpt2.book(course.textbook())[0].tolist()
    assert max(gpt2.longest_copied_run(sample, source) for sample in gpt2.samples(made)) < 50


def test_the_model_is_small_and_knows_the_course_vocabulary(made):
    assert (ASSETS / "gpt2" / "model.safetensors").stat().st_size < 14e6
    assert made.config.vocab_size == course.encoding().n_vocab
    assert made.generation_config.eos_token_id == course.encoding().eot_token


# --- the manifest


def test_the_manifest_has_the_digest_of_every_asset():
    assert json.loads(MANIFEST.read_text())["sha256"] == digests(), (
        "run make assets OPTIONS=--figures"
    )


def test_all_assets_together_are_small():
    assert sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()) < 24e6
