"""While a hand-written answer is checked, the library's own is out of reach by every name it has."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.functional import scaled_dot_product_attention as imported_before

from autograder.handwritten import ATTENTION, SOFTMAX, LibraryUsed, refusing
from course.attention import MultiHeadAttention

q = torch.randn(2, 3, 5, 4)
x = torch.randn(2, 5, 12)
module = nn.MultiheadAttention(12, 3, batch_first=True)
layer = nn.TransformerEncoderLayer(12, 3, 8, batch_first=True)


def without_gradient(module, *arguments):
    """In evaluation without gradient PyTorch takes another, faster way."""
    with torch.no_grad():
        return module.eval()(*arguments, need_weights=False)


ATTENTIONS = {
    "functional": lambda: F.scaled_dot_product_attention(q, q, q),
    "imported before": lambda: imported_before(q, q, q),
    "of torch._C": lambda: torch._C._nn.scaled_dot_product_attention(q, q, q),
    "an aten operator": lambda: torch.ops.aten.scaled_dot_product_attention(q, q, q),
    "an aten kernel": lambda: torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, q, q),
    "its mathematics": lambda: torch._scaled_dot_product_attention_math(q, q, q),
    "flexible": lambda: flex_attention(q, q, q),
    "a module": lambda: module(x, x, x),
    "a module, the fast way": lambda: without_gradient(module, x, x, x),
    "a layer": lambda: layer(x),
    "the course's": lambda: MultiHeadAttention(12, 3)(x),
}
SOFTMAXES = {
    "torch.softmax": lambda: torch.softmax(q, -1),
    "functional": lambda: F.softmax(q, -1),
    "a method": lambda: q.softmax(-1),
    "a module": lambda: nn.Softmax(-1)(q),
    "special": lambda: torch.special.softmax(q, -1),
    "an aten operator": lambda: torch.ops.aten._softmax(q, -1, False),
    "its logarithm": lambda: q.log_softmax(-1).exp(),
    "of the negative": lambda: F.softmin(-q, -1),
}


@pytest.mark.parametrize("call", ATTENTIONS.values(), ids=ATTENTIONS)
def test_the_librarys_attention_says_that_it_is_the_oracle(call):
    with (
        refusing(ATTENTION),
        pytest.raises(LibraryUsed, match="the oracle here and not the answer"),
    ):
        call()


@pytest.mark.parametrize("call", SOFTMAXES.values(), ids=SOFTMAXES)
def test_the_librarys_softmax_does_so_where_softmax_is_the_exercise(call):
    with refusing(SOFTMAX), pytest.raises(LibraryUsed, match="the oracle here and not the answer"):
        call()
    with refusing(ATTENTION):
        call()


def test_everything_else_works_as_before():
    with refusing(ATTENTION + SOFTMAX):
        weights = F.dropout(torch.exp(q @ q.mT), 0.5)
        assert nn.Linear(4, 2)(weights @ q).shape == (2, 3, 5, 2)
    assert F.scaled_dot_product_attention(q, q, q).shape == q.shape
