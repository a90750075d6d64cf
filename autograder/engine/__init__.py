"""The grading engine: student code runs in a locked-in kernel and is judged outside it."""
