"""What docs/kubernetes.md gives to copy: a study, and a deployment of pods with a GPU."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from prefect_tuner.flows.commands.study_check import check_study_file
from tests.deployments.kubernetes_job import mistakes_in_job
from tests.deployments.pods import TrialPods, read_template
from tests.deployments.prefect_yaml import PREFECT_YAML, deployment_in_prefect_yaml
from tests.deployments.studies import ROOT

PAGE = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
_, STUDY, DEPLOYMENT, _ = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def gpu() -> dict[str, Any]:
    (entry,) = yaml.safe_load(DEPLOYMENT)
    found: dict[str, Any] = entry
    return found


def test_the_study_can_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "digits-in-pods.yaml").write_text(STUDY)
    checked = check_study_file(tmp_path / "digits-in-pods.yaml")
    assert checked.sentence.endswith("up to 50 trials, 10 at a time")


def test_the_study_names_a_deployment_and_variables_that_there_are() -> None:
    options = yaml.safe_load(STUDY)["engine_options"]
    assert deployment_in_prefect_yaml(*options["deployment"].split("/"))
    assert set(options["job_variables"]) <= set(read_template()["variables"]["properties"])


def test_the_deployment_goes_into_prefect_yaml_and_uses_variables_that_there_are(
    gpu: dict[str, Any],
) -> None:
    within = PREFECT_YAML.read_text("utf-8") + DEPLOYMENT
    assert gpu in yaml.safe_load(within)["deployments"]
    assert gpu["entrypoint"] == deployment_in_prefect_yaml("trial", "pods")["entrypoint"]
    known = set(read_template()["variables"]["properties"])
    assert set(gpu["work_pool"]["job_variables"]) <= known


def test_its_pod_has_the_gpu_that_it_asks_for(gpu: dict[str, Any], pods: TrialPods) -> None:
    job = pods.job(**gpu["work_pool"]["job_variables"])
    assert mistakes_in_job(job.manifest) == []
    assert job.container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert job.environment["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "relinquish"


def test_every_name_of_a_variable_on_the_page_is_one_of_the_template() -> None:
    """Those of Kubernetes: the table of other pools is not meant."""
    named = re.findall(
        r"^\| .*? \| (.*?) \|", PAGE.partition("## Sizes")[2].partition("## ")[0], re.MULTILINE
    )
    variables = set(re.findall(r"`([a-z_]+): ", " ".join(named)))
    assert {"memory_limit", "cpu_limit", "gpus", "shared_memory"} <= variables
    assert variables <= set(read_template()["variables"]["properties"])
