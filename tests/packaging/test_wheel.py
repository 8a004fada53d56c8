"""The wheel: what is in it, and that it works without the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_THE_SOURCE = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "dist", "tests")
FOLDERS = {
    "": "src/prefect_tuner",
    "flows/": "flows",
    "strategies/": "strategies",
    "tasks/": "tasks",
}

WHAT_IS_IMPORTED = """
import json
import sys
from importlib.metadata import distribution

import prefect_tuner
import prefect_tuner.strategies
from prefect_tuner import Study

early = sorted(name for name in sys.modules if name.partition(".")[0] == "prefect")
for name in prefect_tuner.__all__:
    getattr(prefect_tuner, name)
for entry_point in distribution("prefect-tuner").entry_points:
    entry_point.load()
places = {
    name: module.__file__
    for name, module in sys.modules.items()
    if name.partition(".")[0] == "prefect_tuner"
}
print(json.dumps({"early": early, "places": places}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as for a release, without any download."""
    source = tmp_path_factory.mktemp("source") / "checkout"
    shutil.copytree(ROOT, source, symlinks=True, ignore=NOT_THE_SOURCE)
    out = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)], source)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    _run([*install, "--target", str(target), str(wheel)], target)
    return target


def _run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _lies_in(place: str, folder: Path) -> bool:
    return folder in Path(place).parents


def test_the_wheel_brings_one_top_level_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    dist_info = f"prefect_tuner-{version('prefect-tuner')}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"prefect_tuner", dist_info}
    assert f"{dist_info}/licenses/LICENSE" in names


def test_the_wheel_holds_every_module_and_says_that_it_is_typed(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        f"prefect_tuner/{package}{module.relative_to(ROOT / folder).as_posix()}"
        for package, folder in FOLDERS.items()
        for module in (ROOT / folder).rglob("*.py")
    }
    assert {name for name in names if "dist-info" not in name} == {
        *modules,
        "prefect_tuner/flows/study_report/report.css",
        "prefect_tuner/flows/study_report/report.js",
        "prefect_tuner/py.typed",
    }


def test_the_installed_wheel_works_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    out = _run([sys.executable, "-c", WHAT_IS_IMPORTED], tmp_path, PYTHONPATH=str(installed))
    seen = json.loads(out.splitlines()[-1])
    assert seen["early"] == [], "the study and the strategies must not import Prefect"
    elsewhere = {place for place in seen["places"].values() if not _lies_in(place, installed)}
    assert elsewhere == set()
    rooms = {"prefect_tuner.strategies", "prefect_tuner.flows", "prefect_tuner.tasks"}
    assert rooms <= set(seen["places"])
