"""One file a metric: pure functions from the days of a ledger and `now` to rows."""
