"""%gc doctor: check each step between a cell and its result, and say what to do."""

from __future__ import annotations

from gc_jupyter.doctor.finding import Finding
from gc_jupyter.doctor.report import examine, findings, report_lines

__all__ = ["Finding", "examine", "findings", "report_lines"]
