"""The figures, one file each. A figure's docstring says what is measured beside what."""
