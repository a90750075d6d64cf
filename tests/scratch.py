"""A scratch copy of the course in which nbgrader may do as it likes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from course.build import ROOT


class ScratchCourse:
    """A folder with the project's solutions and nbgrader settings, and an exchange of its own."""

    def __init__(self, folder: Path, engine: bool = True):
        self.root = folder / "course"
        self.exchange = folder / "exchange"
        self.exchange.mkdir(parents=True)
        self.exchange.chmod(0o777)  # nbgrader refuses an exchange that not everyone may write to
        shutil.copytree(ROOT / "solutions", self.root / "solutions")
        settings = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
        if not engine:  # nbgrader as it comes
            settings += "del c.Autograde\n"
        settings += f"c.Exchange.root = {str(self.exchange)!r}\n"
        settings += f"c.Exchange.cache = {str(folder / 'cache')!r}\n"
        (self.root / "nbgrader_config.py").write_text(settings, encoding="utf-8")

    def run(self, *arguments: str, folder: Path | None = None, fails: bool = False) -> str:
        """Runs `nbgrader ARGUMENTS` and returns what it printed; asserts how it ended."""
        bin_folder = str(Path(sys.executable).parent)
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=folder or self.root,
            env=os.environ | {"PATH": bin_folder + os.pathsep + os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3600,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout
