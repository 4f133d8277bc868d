"""Shared by all demos: errors, files, backend choice, command line."""
