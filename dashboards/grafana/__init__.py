"""The boards as Grafana dashboards: each panel's definition in, typed builders of grafana-foundation-sdk out. Needs the extra `grafana`."""
