"""What nbgrader does to a lab on its way to students, beside its own steps."""

from nbgrader.preprocessors import NbGraderPreprocessor


class UnpairLessons(NbGraderPreprocessor):
    """Removes the pairing with the lesson: a student who saves a lab must not write into it."""

    def preprocess(self, nb, resources):
        nb.metadata.pop("jupytext", None)
        return nb, resources
