"""Reports: what is known of runs, and how they compare, as one HTML file."""

from latentrec.report.page import comparison_page, write_report

__all__ = ["comparison_page", "write_report"]
