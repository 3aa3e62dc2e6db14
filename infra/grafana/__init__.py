"""Grafana's dashboards, rendered from `dashboards/` by `rtm dashboards export infra/grafana/dashboards`, and its provisioning files."""
