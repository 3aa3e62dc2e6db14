"""What other alert rules would have told: a log folded in process under each set of rules, and held against a cohort's truth."""
