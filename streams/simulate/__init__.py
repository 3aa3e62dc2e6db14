"""`rtm simulate`: a deterministic cohort of patients, as events in recorded order, and beside them the truth that was simulated."""
