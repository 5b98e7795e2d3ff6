"""What Muster costs, each figure beside the cost of the same work done by somebody else. `python -m bench` runs them."""
