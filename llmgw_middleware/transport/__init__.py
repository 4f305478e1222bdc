"""Upstream clients. Nothing outside this folder imports one."""
