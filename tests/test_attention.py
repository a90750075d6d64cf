"""The attention that later labs import, against lab 4's reference and PyTorch's own module."""

import pytest
import torch
from torch import nn

from course.attention import MultiHeadAttention
from course.build import reference_namespace

D_MODEL, N_HEADS = 12, 3
CAUSAL = torch.ones(5, 5, dtype=torch.bool).tril()
PADDING = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])[:, None, None, :]
NOTHING = torch.tensor([[True] * 5, [False] * 5])[:, None, None, :]


@pytest.fixture
def pair():
    """The fused module and the reference, with the same weights, enlarged."""
    torch.manual_seed(0)
    fused = MultiHeadAttention(D_MODEL, N_HEADS)
    for parameter in fused.parameters():
        nn.init.normal_(parameter, std=0.5)
    by_hand = reference_namespace("lab04")["MultiHeadAttention"](D_MODEL, N_HEADS)
    by_hand.load_state_dict(fused.state_dict())
    return fused, by_hand


@pytest.mark.parametrize("mask", [None, CAUSAL, PADDING, NOTHING, CAUSAL & PADDING])
def test_fused_and_by_hand_agree_in_values_and_gradients(pair, mask):
    results = []
    for module in pair:
        x = torch.randn(2, 5, D_MODEL, generator=torch.Generator().manual_seed(1))
        y = module(x.requires_grad_(), mask)
        (gradient,) = torch.autograd.grad((y * y).sum(), x)
        results.append((y, gradient))
    torch.testing.assert_close(*results, atol=1e-4, rtol=1e-4)
    assert not any(part.isnan().any() for part in results[0])


@pytest.mark.parametrize("mask", [None, NOTHING[..., :4]])
def test_fused_and_by_hand_agree_with_a_memory_of_another_length(pair, mask):
    x, memory = torch.randn(2, 5, D_MODEL), torch.randn(2, 4, D_MODEL)
    fused, by_hand = (module(x, mask, memory) for module in pair)
    torch.testing.assert_close(fused, by_hand, atol=1e-4, rtol=1e-4)


def test_both_agree_with_pytorchs_module_whose_masks_are_the_other_way_round(pair):
    library = nn.MultiheadAttention(D_MODEL, N_HEADS, batch_first=True)
    layers = [pair[0].query, pair[0].key, pair[0].value]
    with torch.no_grad():
        library.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
        library.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
    library.out_proj.load_state_dict(pair[0].output.state_dict())
    x = torch.randn(2, 5, D_MODEL)
    theirs, _ = library(x, x, x, attn_mask=~CAUSAL, key_padding_mask=~PADDING[:, 0, 0])
    for module in pair:
        torch.testing.assert_close(module(x, CAUSAL & PADDING), theirs, atol=1e-4, rtol=1e-4)


def test_dropout_is_for_training_only():
    module = MultiHeadAttention(D_MODEL, N_HEADS, dropout=0.5)
    x = torch.randn(2, 5, D_MODEL)
    assert not torch.equal(module(x), module(x))
    module.eval()
    assert torch.equal(module(x), module(x))


def test_heads_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="10 cannot be split into 3"):
        MultiHeadAttention(10, 3)
