"""Errors that prefect-tuner raises on purpose, sorted by what the caller has to do.

```
TunerError
├── InvalidConfiguration   correct the input (also a ValueError)
├── ObjectiveNotFound      correct the objective's path, or make it importable
├── TrainingError          look at the failed trials
│   └── TrialTimeout       allow more time, or make the objective faster (also a TimeoutError)
├── StudyConflict          wait for the other run, or say what is to become of the old study
├── LedgerError            see to the ledger's disk or store; what was recorded stays
├── EngineError            see to the cluster that runs the trials, or to its workers
├── TuningCancelled        nothing: somebody asked for it
└── InternalTunerError     report a bug
```
"""

from __future__ import annotations

from prefect_tuner.printable_text import printable, shortened

_MOST_TOLD = 20
_LONGEST_MISTAKE = 3_000
"""Characters: of names that are known there may be many."""


class TunerError(Exception):
    """Root of all errors that prefect-tuner raises on purpose."""


class InvalidConfiguration(TunerError, ValueError):
    """The input cannot be used. Raised before any trial starts.

    Args:
        *mistakes: One sentence each: the parameter, the value seen, what would be right.

    Attributes:
        mistakes: All the mistakes found, in the order of the input. The error's text has the first
            of them.
    """

    def __init__(self, *mistakes: str) -> None:
        # The names in what was given may hold anything; the values are quoted as they come.
        self.mistakes = tuple(shortened(printable(each), _LONGEST_MISTAKE) for each in mistakes)
        told = list(self.mistakes[:_MOST_TOLD])
        if len(told) < len(self.mistakes):
            told.append(f"and {len(self.mistakes) - len(told)} more")
        super().__init__(*told)

    def __str__(self) -> str:
        if len(self.mistakes) == 1:
            return self.mistakes[0]
        return f"{len(self.mistakes)} mistakes:\n" + "\n".join(f"- {each}" for each in self.args)


class ObjectiveNotFound(TunerError):
    """The objective cannot be imported, unpickled or called."""


class EngineError(TunerError):
    """What runs the trials cannot be reached, or a worker of it cannot run them."""


class TrainingError(TunerError):
    """A study could not go on because its trials failed."""


class TrialTimeout(TrainingError, TimeoutError):
    """A trial ran past its time limit, in a study with `on_failure="raise"`."""


class StudyConflict(TunerError):
    """The study's name belongs to another study, or to a run that is still at it."""


class LedgerError(TunerError):
    """A study's ledger cannot be read, written or understood. What it holds is left as it is."""


class TuningCancelled(TunerError):
    """The study was stopped from outside before it was complete."""


class InternalTunerError(TunerError):
    """A state that prefect-tuner holds to be impossible: a bug of ours, please report it."""
