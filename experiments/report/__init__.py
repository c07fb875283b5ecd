"""The report: runs, their scores and their pictures on one page that needs nothing but itself."""

from experiments.report.write import write_report

__all__ = ["write_report"]
