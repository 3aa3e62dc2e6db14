"""How it is run: migrations, settings of Kafka, Grafana and deployments, shipped as data."""
