"""deployments/Dockerfile: what can be held of it without an engine that builds images."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.deployments.dockerfile import DOCKERFILE, read_stages
from tests.deployments.studies import ROOT


def _copy_what_the_first_stage_copies(folder: Path) -> None:
    for name in read_stages()[0].copied:
        source = ROOT / name
        if source.is_dir():
            without_caches = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, symlinks=True, ignore=without_caches)
        else:
            shutil.copy(source, folder)


def test_the_files_it_copies_are_enough_for_the_wheel(tmp_path: Path) -> None:
    _copy_what_the_first_stage_copies(tmp_path)
    (command,) = [run for run in read_stages()[0].all("RUN") if run.startswith("pip wheel")]
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    assert "prefect_tuner/flows/tune.py" in zipfile.ZipFile(wheel).namelist()


def test_all_that_it_copies_reaches_the_builder() -> None:
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    copied = {name for stage in read_stages() for name in stage.copied}
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def test_it_installs_the_versions_of_the_lock() -> None:
    installs = [run for run in read_stages()[0].all("RUN") if run.startswith("pip install")]
    assert installs
    assert all("--constraint requirements.lock" in run for run in installs)


def test_both_stages_have_a_python_that_the_package_supports() -> None:
    build, final = read_stages()
    assert build.base == final.base
    version = re.findall(r"^python:(3\.\d+)-slim$", final.base)
    assert (
        f"Programming Language :: Python :: {version[0]}" in (ROOT / "pyproject.toml").read_text()
    )


def test_runs_are_not_root_and_may_write_their_results() -> None:
    _, final = read_stages()
    (user,) = final.all("USER")
    results = final.environment["PREFECT_RESULTS_LOCAL_STORAGE_PATH"]
    assert any(f"--owner {user} {results}" in run for run in final.all("RUN"))
    # In the same volume, so that the next container goes on.
    assert final.environment["PREFECT_TUNER_STORAGE"].startswith(f"{results}/")
