"""HTML reports."""

from solvent.report.page import ModelPage, model_page

__all__ = ["ModelPage", "model_page"]
