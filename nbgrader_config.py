"""nbgrader's settings: `nbgrader` commands read them when run from this folder."""

from pathlib import Path

c = get_config()  # noqa: F821 - traitlets defines it

c.CourseDirectory.course_id = "language-models"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "labs"

c.GenerateAssignment.preprocessors.append("autograder.release.UnpairLessons")

# The engine: student code runs isolated, and is judged in another process (autograder/engine).
c.Autograde.exporter_class = "autograder.engine.submission.SubmissionReader"
c.Autograde.pre_convert_hook = "autograder.engine.submission.tidy"
c.Autograde.sanitize_preprocessors = [
    "autograder.engine.submission.Restore",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.engine.grading.GradeInSandbox",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Feedback and formgrader pages: whatever Markdown becomes, nothing in it acts.
c.TemplateExporter.filters = {"markdown2html": "autograder.engine.safe.markdown_html"}

# Validate runs a student's own notebook, on the student's machine.
c.Execute.timeout = 120  # seconds a cell
c.Execute.extra_arguments = ["--log-level=ERROR"]  # else each kernel warns that it listens on TCP
