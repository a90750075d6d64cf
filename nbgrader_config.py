"""nbgrader's settings: `nbgrader` commands read them when run from this folder."""

from pathlib import Path

c = get_config()  # noqa: F821 - traitlets defines it

c.CourseDirectory.course_id = "language-models"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "labs"

c.GenerateAssignment.preprocessors.append("autograder.release.UnpairLessons")

c.Execute.timeout = 120  # seconds a cell
c.Execute.extra_arguments = ["--log-level=ERROR"]  # else each kernel warns that it listens on TCP
