"""Grafana from outside: dashboards, folder and datasource over its HTTP interface."""
