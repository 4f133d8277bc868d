"""Trial records -> statistics, tables, figures and a page to read."""
