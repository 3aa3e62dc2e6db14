"""Panels as code: one definition of each, rendered to the embedded board and to Grafana."""
