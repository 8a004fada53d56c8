"""Where the ledger of one study is kept: what any such place must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from prefect_tuner.flows.storage.holder import Holder

STORAGE_VARIABLE = "PREFECT_TUNER_STORAGE"
"""The environment variable with the `storage` of studies that name none."""


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of a ledger.

    Attributes:
        text: The line without its end, in UTF-8.
        where: The file or object that it is in.
        number: Its place there, from 1.
    """

    text: bytes
    where: str
    number: int

    def __str__(self) -> str:
        return f"{self.where}:{self.number}"


class LedgerStore(ABC):
    """The lines of one study's ledger, kept durably and in order.

    Anybody may read, at any time. To write, a run first claims the study; while it holds the
    claim, nobody else can. `renew` is called by another thread than the rest.

    Attributes:
        location: The file or the address of the ledger, as it is shown to people; without secrets.
    """

    location: str

    @abstractmethod
    def exists(self) -> bool:
        """Whether anything was recorded.

        Raises:
            LedgerError: The store cannot be read.
        """

    @abstractmethod
    def read(self) -> Iterator[LedgerLine]:
        """Yield the lines in the order written; none where nothing was recorded.

        What a write that was cut short has left at the end is not shown.

        Raises:
            LedgerError: The store cannot be read.
        """

    @abstractmethod
    def holder(self) -> Holder | None:
        """The run that holds the study now, None when there is none alive."""

    @abstractmethod
    def claim(self, holder: Holder) -> Holder | None:
        """Claim the study for writing.

        Returns:
            The dead holder whose claim was taken over; None when nobody held the study.

        Raises:
            StudyConflict: Another run holds it; says who.
            LedgerError: The store cannot be read or written.
        """

    @abstractmethod
    def mend(self) -> str:
        """Remove what a write that was cut short has left at the end; by the holder only.

        Returns:
            What was done, in a sentence; empty when the ledger was whole.

        Raises:
            LedgerError: The store cannot be written.
        """

    @abstractmethod
    def renew(self, elapsed: float) -> None:
        """Show that the holder is alive; called every `RENEWAL` seconds.

        Args:
            elapsed: Seconds that the study has run.

        Raises:
            StudyConflict: Another run has taken the claim over: nothing more may be written.
            LedgerError: The claim could not be renewed for so long that others may take it over.
        """

    @abstractmethod
    def append(self, text: bytes) -> None:
        r"""Write whole lines, each with its `\n`, in one go; they are durable on return.

        Raises:
            LedgerError: They could not be written, and none of them is in the ledger: the disk is
                full, the connection lost.
            StudyConflict: The claim was lost.
        """

    @abstractmethod
    def release(self) -> None:
        """Give the claim back. Does nothing when there is none."""

    @abstractmethod
    def delete(self) -> None:
        """Remove the ledger; by the holder only, who then holds nothing.

        Raises:
            LedgerError: The store cannot be written.
        """
