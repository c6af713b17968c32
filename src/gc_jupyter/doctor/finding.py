"""One line of the report."""

from __future__ import annotations

from dataclasses import dataclass

from gc_jupyter.errors import SEE_DOCTOR, ComputeError
from gc_jupyter.remote_text import one_line

_WIDTH = len("Endpoint")  # the length of the longest subject


@dataclass(frozen=True)
class Finding:
    """The finding for one subject.

    Parameters
    ----------
    fine:
        Whether it works.
    subject, text:
        The subject, and what was found.
    step:
        What to do; empty where there is nothing to do.
    """

    fine: bool
    subject: str
    text: str
    step: str = ""

    @classmethod
    def of(cls, subject: str, error: ComputeError) -> Finding:
        """An error as a finding."""
        reason = error.reason or str(error)
        return cls(False, subject, reason, error.next_step or "try again in some minutes")

    def line(self) -> str:
        """As it is shown: it ends with what to do, if anything."""
        text = one_line(self.text, 2000).rstrip(".")
        step = one_line(self.step, 2000).removesuffix(SEE_DOCTOR).rstrip(" ;.")
        line = f"{'✓' if self.fine else '✗'} {self.subject.ljust(_WIDTH)}  {text}"
        return f"{line} → {step}" if step else line
