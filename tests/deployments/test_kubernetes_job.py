"""Jobs that Kubernetes would not take are told from those that it would."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.deployments.kubernetes_job import mistakes_in_job

JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "trial-", "labels": {"app": "trial"}},
    "spec": {
        "backoffLimit": 0,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                # Where Prefect has them, and Kubernetes passes them over.
                "parallelism": 1,
                "completions": 1,
                "containers": [
                    {
                        "name": "trial",
                        "image": "prefect-tuner:0.1.0",
                        "args": ["prefect", "flow-run", "execute"],
                        "env": [{"name": "A", "value": "1"}],
                        "resources": {"limits": {"memory": "2Gi", "nvidia.com/gpu": 1}},
                    }
                ],
            }
        },
    },
}


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


def test_a_job_that_is_right_has_no_mistakes() -> None:
    assert mistakes_in_job(JOB) == []


def _without_image(job: dict[str, Any]) -> None:
    container_of(job)["image"] = None


def _without_containers(job: dict[str, Any]) -> None:
    del job["spec"]["template"]["spec"]["containers"]


def _misspelled(job: dict[str, Any]) -> None:
    job["spec"]["backofLimit"] = job["spec"].pop("backoffLimit")


def _at_the_wrong_place(job: dict[str, Any]) -> None:
    job["spec"]["restartPolicy"] = job["spec"]["template"]["spec"].pop("restartPolicy")


def _with_a_number_as_a_variable(job: dict[str, Any]) -> None:
    container_of(job)["env"].append({"name": "N", "value": 7})


def _with_a_text_as_a_number(job: dict[str, Any]) -> None:
    job["spec"]["backoffLimit"] = "0"


def _with_a_command_in_one_piece(job: dict[str, Any]) -> None:
    container_of(job)["args"] = "prefect flow-run execute"


def _with_labels_in_a_list(job: dict[str, Any]) -> None:
    job["metadata"]["labels"] = ["trial"]


@pytest.mark.parametrize(
    ("break_it", "mistakes"),
    [
        (_without_image, ["job.spec.template.spec.containers[0].image"]),
        (_without_containers, ["job.spec.template.spec.containers"]),
        (_misspelled, ["job.spec.backofLimit"]),
        (_at_the_wrong_place, ["job.spec.restartPolicy"]),
        (_with_a_number_as_a_variable, ["job.spec.template.spec.containers[0].env[1].value"]),
        (_with_a_text_as_a_number, ["job.spec.backoffLimit"]),
        (_with_a_command_in_one_piece, ["job.spec.template.spec.containers[0].args"]),
        (_with_labels_in_a_list, ["job.metadata.labels"]),
    ],
)
def test_a_broken_job_is_found_out(
    break_it: Callable[[dict[str, Any]], None], mistakes: list[str]
) -> None:
    broken = copy.deepcopy(JOB)
    break_it(broken)
    assert mistakes_in_job(broken) == mistakes
