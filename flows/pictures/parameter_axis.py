"""The axis of a parameter, whatever its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from prefect_tuner.flows.pictures.look import INK, SMALL, label
from prefect_tuner.flows.pictures.number_axis import NumberAxis, Side
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.strategies.encoding.array_types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CHOICES = 10
"""Choices with a place of their own; of more, those tried less share the last one."""

_LONGEST_CHOICE = 12


@dataclass(frozen=True)
class ChoiceAxis:
    """From choices to places on an axis: 0, 1, 2 and so on.

    Attributes:
        texts_of_places: What stands at each place.
        places: The place of each choice that was tried, by the number that it has in the space.
        parameter: The parameter.
    """

    texts_of_places: tuple[str, ...]
    places: dict[int, int]
    parameter: Categorical

    @classmethod
    def of(cls, parameter: Categorical, values: Sequence[Any]) -> ChoiceAxis:
        """The axis for the values that were tried."""
        counts = Counter(parameter.index_of(value) for value in values)
        if len(counts) <= MOST_CHOICES:
            own, others = sorted(counts), 0
        else:
            own = sorted(number for number, _ in counts.most_common(MOST_CHOICES - 1))
            others = len(counts) - len(own)
        texts = [choice_text(parameter.value_at(number)) for number in own]
        places = {number: place for place, number in enumerate(own)}
        if others:
            texts.append(f"{others} others")
            places |= {number: len(own) for number in counts if number not in places}
        return cls(tuple(texts), places, parameter)

    def name(self, text: str) -> str:
        """What the axis shows."""
        return text

    def place(self, values: Sequence[Any]) -> FloatArray:
        """Where values stand."""
        found = [self.places[self.parameter.index_of(value)] for value in values]
        return np.array(found, dtype=np.float64)

    def unit(self, values: Sequence[Any]) -> FloatArray:
        """The same from 0 to 1."""
        return self._to_unit(self.place(values))

    def ticks(self, most: int = MOST_CHOICES) -> FloatArray:
        """All places, or some of them."""
        count = len(self.texts_of_places)
        return np.arange(count, dtype=np.float64)[:: max(1, -(-count // most))]

    def texts(self, ticks: FloatArray) -> list[str]:
        """What stands beside ticks."""
        return [self.texts_of_places[int(tick)] for tick in ticks]

    def unit_of_ticks(self, ticks: FloatArray) -> FloatArray:
        """Where ticks stand, from 0 to 1."""
        return self._to_unit(ticks)

    def dress(self, axes: Axes, side: Side, most: int = MOST_CHOICES) -> None:
        """Give a side of matplotlib's axes the range and the ticks of this one."""
        count = len(self.texts_of_places)
        getattr(axes, f"set_{side}lim")(-0.6, count - 0.4)
        axis = axes.xaxis if side == "x" else axes.yaxis
        ticks = self.ticks(most)
        texts = self.texts(ticks)
        axis.set_ticks(ticks, labels=texts, color=INK, fontsize=SMALL)
        if side == "x" and sum(map(len, texts)) + 2 * len(texts) > 40:
            for text in axis.get_ticklabels():
                text.set(rotation=35, ha="right", rotation_mode="anchor")

    def _to_unit(self, places: FloatArray) -> FloatArray:
        count = len(self.texts_of_places)
        return np.asarray((places + 0.5) / count)


ParameterAxis: TypeAlias = NumberAxis | ChoiceAxis
"""The axis of any parameter."""


def parameter_axis(view: StudyView, name: str) -> ParameterAxis:
    """The axis of a parameter that trials with a metric have.

    That of a number is its whole range: where nothing was tried, the picture is empty.
    """
    parameter = view.space[name]
    if isinstance(parameter, Categorical):
        values = [trial.params[name] for trial in view.measured if name in trial.params]
        return ChoiceAxis.of(parameter, values)
    return NumberAxis(
        float(parameter.low), float(parameter.high), parameter.log, parameter.type == "int"
    )


def choice_text(value: Any) -> str:
    """A choice as it is written on an axis."""
    return label(value if isinstance(value, str) else repr(value), _LONGEST_CHOICE) or "''"


def condition_text(view: StudyView, name: str) -> str:
    """When a parameter is active; empty for one that always is."""
    when = view.space[name].to_json().get("when")
    if when:
        told = " and ".join(
            f"{label(parent, 16)} = {' or '.join(choice_text(value) for value in values)}"
            for parent, values in when.items()
        )
        return f"only with {told}"
    has = sum(name in trial.params for trial in view.measured)
    if has < len(view.measured):
        return f"only in {has} of {len(view.measured)} trials"
    return ""
