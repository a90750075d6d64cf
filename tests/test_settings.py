"""What all labs share: the base setting, the device, models that load without a word."""

from dataclasses import FrozenInstanceError

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import course


def test_the_base_setting_is_the_same_for_all_labs():
    with pytest.raises(FrozenInstanceError):
        course.BASE.d_model = 128
    assert course.BASE.d_model % course.BASE.n_heads == 0


@pytest.mark.parametrize("there, kind", [(True, "cuda"), (False, "cpu")])
def test_the_device_is_the_gpu_where_there_is_one(there, kind, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert course.device() == torch.device(kind)


def test_a_model_from_a_folder_loads_without_a_word(tmp_path, capfd):
    config = GPT2Config(vocab_size=8, n_positions=4, n_embd=4, n_layer=1, n_head=1)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    capfd.readouterr()
    GPT2LMHeadModel.from_pretrained(tmp_path)
    assert capfd.readouterr() == ("", "")
