"""Charts, each a function from values to a figure: notebooks show what it returns, and pages embed it."""
