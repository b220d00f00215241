"""HTML reports."""

from solvent.report.contents import page_of_review
from solvent.report.investigation import investigation_page
from solvent.report.model import ModelPage, model_page
from solvent.report.rendering import write_page

__all__ = ["ModelPage", "investigation_page", "model_page", "page_of_review", "write_page"]
