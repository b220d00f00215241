"""What was known when: pure functions of DataFrames with event and available times."""
