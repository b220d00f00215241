"""HTML reports."""

from solvent.report.investigation import investigation_page
from solvent.report.page import ModelPage, model_page

__all__ = ["ModelPage", "investigation_page", "model_page"]
