"""Fault campaigns: everything dies, freezes or goes away while events flow, and in the end nothing is lost, doubled or different."""
