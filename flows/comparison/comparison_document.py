"""A comparison as JSON data, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect_tuner.flows.comparison.compared_study import ComparedStudy, compared_counts
from prefect_tuner.flows.comparison.differences import difference_sentences, differences_of


def comparison_document(studies: Sequence[ComparedStudy]) -> dict[str, Any]:
    """A comparison as JSON data.

    Args:
        studies: Two or more.
    """
    return {
        "studies": [_document(study) for study in studies],
        "differences": difference_sentences(differences_of(studies), studies),
        "best_after": [
            {"trials": count, "metrics": {s.study.name: s.best_after(count) for s in studies}}
            for count in compared_counts(studies)
        ],
    }


def _document(compared: ComparedStudy) -> dict[str, Any]:
    definition, best = compared.state.definition, compared.best
    return {
        "study": compared.study.name,
        "state": compared.study.status.value,
        "objective": definition.objective,
        "strategy": definition.strategy,
        "direction": definition.direction,
        "seed": definition.seed,
        "trials": len(compared.trials),
        "failed": compared.failed,
        "known": len(compared.state.known),
        "elapsed": compared.study.elapsed,
        "mean_duration": compared.mean_duration,
        "best_metric": None if best is None else best.metric,
        "best_trial": None if best is None else best.number,
        "best_params": None if best is None else dict(best.params),
        "best_so_far": list(compared.best_so_far),
    }
