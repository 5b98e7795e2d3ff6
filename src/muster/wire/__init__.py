"""One JSON form of the model, for both ends: the registry encodes with it, clients decode with it. Pure."""
