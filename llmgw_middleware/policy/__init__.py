"""Machines that decide: time and chance are arguments; nothing here waits, reads or writes."""
