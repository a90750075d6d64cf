"""What probes use beside an answer."""

import pytest
import torch

from autograder.observation import from_text, to_text
from autograder.probing import call, fill, influence
from autograder.question import same


def test_a_call_that_raises_is_plain_data():
    seen = call(lambda n: 1 // n, 0)
    assert seen["raised"] == "ZeroDivisionError" and "ArithmeticError" in seen["kinds"]


def test_an_exercise_not_attempted_stays_so():
    def unwritten():
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        call(unwritten)


def test_weights_go_into_parameters_and_buffers_by_name():
    norm = torch.nn.BatchNorm1d(3)
    weights = {"weight": torch.tensor([1.0, 2, 3]), "running_mean": torch.tensor([4.0, 5, 6])}
    assert fill(norm, weights) is None
    assert norm.weight.tolist() == [1, 2, 3] and norm.running_mean.tolist() == [4, 5, 6]


def test_a_weight_that_does_not_fit_is_named():
    linear = torch.nn.Linear(2, 3)
    assert fill(linear, {"weight": torch.zeros(2, 3)}) == {"parameter": "weight", "shape": (3, 2)}
    assert fill(linear, {"gain": torch.zeros(2)}) == {"parameter": "gain", "shape": None}


def test_influence_shows_who_looks_at_whom():
    reach = torch.tensor(influence(lambda x: x.cumsum(1), torch.randn(2, 4, 3)))
    assert (reach.triu(1) == 0).all() and (reach.tril() > 0).sum() == 10
    assert not torch.tensor(
        influence(lambda x: x.detach() * 0 + x[:, :1] * 0, torch.ones(1, 3, 2))
    ).any()


def test_floats_are_the_same_within_the_tolerances():
    a = torch.tensor([1.0, float("nan"), float("-inf")])
    assert same(a, a + 1e-6) and not same(a, a + 1e-2) and not same(a, a[:2])
    assert same(0.1 + 0.2, 0.3) and not same(1.0, 1) and same(float("nan"), float("nan"))
    assert not same(1.0, float("nan"))


def test_tensors_with_infinities_are_kept_as_text():
    mask = torch.tensor([[0.0, float("-inf")], [1 / 3, 2.0]])
    assert same(from_text(to_text(mask)), mask)
