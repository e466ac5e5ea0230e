"""Texts as a page shows them: Markdown, code, tables and formulas, within a budget."""
