"""Models and tokenizers by name: the course's own, a local folder's, and the public ones."""

import warnings

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import course
from course.hub import LAYERS_WITHOUT_WEIGHTS, AssetError


def test_the_embedded_chat_model_loads_with_its_weights():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = course.load_model("qwen2-chat")
    own = AutoModelForCausalLM.from_pretrained(course.model_path("qwen2-chat"))
    assert not model.training and next(model.parameters()).dtype == torch.float32
    for ours, theirs in zip(model.parameters(), own.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert len(course.load_tokenizer("qwen2-chat")) == model.config.vocab_size


def test_a_folder_without_weights_gives_the_real_gpt2_at_full_size(real_assets, monkeypatch):
    monkeypatch.setenv("COURSE_HUB", str(real_assets / "hub"))
    with pytest.warns(UserWarning, match=r"no weights: .* 12 layers and random weights"):
        model = course.load_model("gpt2")
    assert sum(p.numel() for p in model.parameters()) == 124_439_808
    tokenizer = course.load_tokenizer("gpt2")
    assert tokenizer("Hello world").input_ids == [15496, 995]
    ids = model.generate(
        **tokenizer("Hello", return_tensors="pt"), max_new_tokens=2, do_sample=False,
        pad_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    assert ids.shape[0] == 1 and ids.max() < len(tokenizer)


def test_a_folder_without_weights_gives_qwen2_at_full_width(real_assets, monkeypatch):
    monkeypatch.setenv("COURSE_HUB", str(real_assets / "hub"))
    with pytest.warns(UserWarning, match="no weights"):
        model = course.load_model("qwen2-chat")
    config, tokenizer = model.config, course.load_tokenizer("qwen2-chat")
    assert (config.hidden_size, config.num_hidden_layers) == (896, LAYERS_WITHOUT_WEIGHTS)
    assert (config.num_attention_heads, config.num_key_value_heads) == (14, 2)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == 151645
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": "你是谁?"}], add_generation_prompt=True, return_tensors="pt"
    )
    assert model.generate(**inputs, max_new_tokens=2, do_sample=False).shape[0] == 1


@pytest.mark.parametrize(
    ("load", "library"),
    [(course.load_model, AutoModelForCausalLM), (course.load_tokenizer, AutoTokenizer)],
)
def test_without_network_one_sentence_says_what_to_do(monkeypatch, load, library):
    def no_network(name, **settings):
        raise OSError(f"We couldn't connect to 'https://huggingface.co' to load {name}")

    monkeypatch.setattr(library, "from_pretrained", no_network)
    monkeypatch.setenv("COURSE_HUB", "1")
    with pytest.raises(AssetError, match=r"^COURSE_HUB is on, .* connect to the network, [^.]*\.$"):
        load("qwen2-chat")


def test_a_folder_with_nothing_in_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "openai-community" / "gpt2").mkdir(parents=True)
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    for load in (course.load_model, course.load_tokenizer):
        with pytest.raises(AssetError, match="has no files that transformers can load for gpt2"):
            load("gpt2")
