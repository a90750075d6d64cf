"""Grades what students sent in, with nbgrader: `python -m autograder.grading`."""
