"""Field files to one labelled Dataset: `surveys.read("study.toml")`, `surveys.from_arrays(y)`."""
