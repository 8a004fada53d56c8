"""Which tests one worker of pytest-xdist runs: those of a class, of a file, of one subject."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

DEPLOYING = (
    "tests/browser/test_run_form.py",
    "tests/deployments/test_pods.py",
    "tests/deployments/test_pods_run.py",
    "tests/deployments/test_resume_when_served.py",
    "tests/deployments/test_serve.py",
    "tests/deployments/test_work_pools.py",
)
"""Make deployments and work pools whose names are given: one worker runs them, one by one."""


class WorkUnits(LoadScopeScheduling):  # type: ignore[misc]
    """As `--dist loadscope`, with the files that deploy as one unit."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, _ = nodeid.partition("::")
        return "deploying" if path in DEPLOYING else str(super()._split_scope(nodeid))
