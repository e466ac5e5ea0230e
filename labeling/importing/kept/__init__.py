"""Files in DATA_DIR: uploads that wait for a click, and what lies beside an import."""
