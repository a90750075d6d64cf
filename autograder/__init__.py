"""Checks students' answers: `from autograder import check`, then `check("lab01.merge", merge)`."""

from autograder.check import check, prepare_kernel

__all__ = ["check"]

prepare_kernel()
