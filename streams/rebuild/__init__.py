"""The log folded anew beside the running system, as its next generation; compared; made current."""
