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
    claim, nobody else can. `mend`, `append` and `delete` are for the holder alone and raise an
    InternalTunerError without a claim. `renew` is called by another thread than the rest.

    Attributes:
        location: The file or the address of the ledger, as it is shown to people; without secrets.
    """

    location: str

    @abstractmethod
    def exists(self) -> bool:
        """Whether anything was written, be it damaged or cut short; a look, nothing is read.

        Raises:
            LedgerError: The store cannot be read.
        """

    @abstractmethod
    def read(self) -> Iterator[LedgerLine]:
        """Yield the lines in the order written; none where nothing was recorded.

        What a write that was cut short has left at the end is not shown. Of an append of several
        lines that was cut short, or is being written, the first ones may be.

        Raises:
            LedgerError: The store cannot be read, or lacks what was there.
        """

    @abstractmethod
    def holder(self) -> Holder | None:
        """The run that holds the study now, None when there is none alive.

        Raises:
            LedgerError: The store cannot be read.
        """

    @abstractmethod
    def claim(self, holder: Holder) -> Holder | None:
        """Claim the study for writing; what is in the ledger stays as it is.

        Returns:
            The dead holder whose claim was taken over; None when nobody held the study.

        Raises:
            StudyConflict: Another run holds it, or this one already; says who.
            LedgerError: The store cannot be read or written.
        """

    @abstractmethod
    def mend(self) -> str:
        """Remove what a write that was cut short has left at the end.

        It is not part of `claim`, as a ledger that cannot be understood is to be left as it is.

        Returns:
            What was done, in a sentence; empty when the ledger was whole.

        Raises:
            LedgerError: The store cannot be written.
        """

    @abstractmethod
    def renew(self, elapsed: float) -> None:
        """Show that the holder is alive; called every `RENEWAL` seconds. Nothing without a claim.

        Args:
            elapsed: Seconds that the study has run.

        Raises:
            StudyConflict: Another run has taken the claim over: nothing more may be written.
            LedgerError: The claim could not be renewed for so long that others may take it over.
        """

    @abstractmethod
    def append(self, text: bytes) -> None:
        r"""Write whole lines as `seal` makes them, in one go; they are durable on return.

        After an error all of them are in the ledger or none, and which of the two may not be
        known, as where a connection was lost: nothing more may be appended by this claim.

        Raises:
            LedgerError: They could not be written, or others have written to the ledger.
            StudyConflict: The claim was lost.
        """

    @abstractmethod
    def release(self) -> None:
        """Give the claim back; what cannot be written then is left to its end by itself.

        Does nothing when there is none.
        """

    @abstractmethod
    def delete(self) -> None:
        """Remove the ledger, and hold nothing any more.

        Raises:
            LedgerError: The store cannot be written, or others have written to the ledger.
            StudyConflict: The claim was lost.
        """
