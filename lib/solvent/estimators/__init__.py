"""Estimators: how rows become a model, a model predictions, and what was learned a digest."""
