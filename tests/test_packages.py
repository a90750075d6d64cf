"""The files that say what to install agree with each other and with what is installed."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from course import bootstrap

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = {canonicalize_name(r.name): r for r in map(Requirement, PROJECT["dependencies"])}
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
PIP = next(item["pip"] for item in CONDA if isinstance(item, dict))


def constrained():
    """What constraints.txt says: the name and the version of each package."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def configuration():
    """The text files that say how the project is installed, built and run."""
    files = [path for path in ROOT.iterdir() if path.is_file() and path.suffix != ".md"]
    return [*files, ROOT / ".ci/run", ROOT / "course/bootstrap.py"]


def test_torch_is_pinned_exactly_in_pyproject():
    assert [s.operator for s in DECLARED["torch"].specifier] == ["=="]


def test_no_other_file_names_a_version_of_torch():
    pin = re.compile(rb"\btorch\s*[=<>~!]=?\s*\d")
    assert [path.name for path in configuration() if pin.search(path.read_bytes())] == [
        "pyproject.toml"
    ]


@pytest.mark.parametrize("name", DECLARED)
def test_every_dependency_has_a_lower_bound(name):
    assert {s.operator for s in DECLARED[name].specifier} & {">=", "==", "~="}


@pytest.mark.parametrize("name", sorted(DECLARED.keys() - {"torch"}))
def test_the_constraints_satisfy_every_dependency(name):
    assert name in constrained(), "run `make constraints`"
    assert DECLARED[name].specifier.contains(constrained()[name])


def test_the_constraints_hold_nothing_of_one_machine():
    assert not {"torch", "triton", canonicalize_name(PROJECT["name"])} & constrained().keys()
    assert not [name for name in constrained() if name.startswith(("nvidia", "cuda"))]
    assert not [version for version in constrained().values() if "+" in version]


def test_the_running_environment_has_the_constrained_versions():
    found = {name: installed(name) for name in constrained()}
    present = {name: version for name, version in found.items() if version}
    assert present == {name: constrained()[name] for name in present}


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
def test_the_constraints_fit_the_first_release_of_every_python(python):
    asked = {
        name: metadata(name).get("Requires-Python") or ""
        for name in constrained()
        if installed(name)
    }
    assert {name: spec for name, spec in asked.items() if python not in SpecifierSet(spec)} == {}


def test_conda_installs_the_project_itself_with_the_constraints():
    assert PIP == ["-c constraints.txt", "-e ."]


def test_conda_names_no_package_a_second_time():
    named = [re.match(r"[\w.-]+", item)[0] for item in CONDA if isinstance(item, str)]
    assert not DECLARED.keys() & set(map(canonicalize_name, named))


def test_every_file_asks_for_the_same_python():
    asked = SpecifierSet(PROJECT["requires-python"])
    (conda,) = [item for item in CONDA if str(item).startswith("python ")]
    assert SpecifierSet(conda.removeprefix("python ")) == asked
    minors = [(3, minor) for minor in range(30) if asked.contains(f"3.{minor}")]
    assert (minors[0], minors[-1]) == (bootstrap.OLDEST, bootstrap.NEWEST)
