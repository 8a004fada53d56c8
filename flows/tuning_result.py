"""Results that earlier releases have stored in Prefect name the class by this module."""

from prefect_tuner.flows.study.tuning_result import TuningResult

__all__ = ["TuningResult"]
