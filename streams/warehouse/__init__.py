"""The warehouse: ClickHouse, embedded or a server; its schema, generations and rows, and its HTTP interface over a chDB folder."""
