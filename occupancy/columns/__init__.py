"""Columns of a table as a formula reads them: kinds, missing values, levels, products."""
