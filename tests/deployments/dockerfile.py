"""deployments/Dockerfile, read as far as its tests need it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

DOCKERFILE = Path(__file__).parents[2] / "deployments" / "Dockerfile"


@dataclass(frozen=True)
class Stage:
    """What makes one image, in order.

    Attributes:
        base: The image it starts from.
        instructions: The words behind each instruction, with its name first.
    """

    base: str
    instructions: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """What stands behind each instruction of a name."""
        return [text for instruction, text in self.instructions if instruction == name]

    @property
    def copied(self) -> list[str]:
        """The files and folders of the checkout that go into the image."""
        lines = [shlex.split(text) for text in self.all("COPY") if "--from" not in text]
        return [source for *sources, _ in lines for source in sources]

    @property
    def folder(self) -> str:
        """Where its processes start."""
        return self.all("WORKDIR")[-1]

    @property
    def environment(self) -> dict[str, str]:
        """What it sets in the environment of its processes."""
        settings = [setting for text in self.all("ENV") for setting in shlex.split(text)]
        return dict(setting.split("=", 1) for setting in settings)


def read_stages() -> list[Stage]:
    """The stages of the recipe; the last one makes the image that runs."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append(Stage(rest.partition(" AS ")[0], []))
        elif name:
            stages[-1].instructions.append((name, rest))
    return stages


def read_dockerfile() -> Stage:
    """The stage that makes the image that runs."""
    return read_stages()[-1]
