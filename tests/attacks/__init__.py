"""The attack suite: submissions that try to get more than their answers earn.

Each attack is a piece of data: a wrong answer, one thing that the submission tries, and a right
answer beside it. They document techniques neutrally, as properties of this engine.
"""
