"""The registry as a deterministic machine: pure, time is an argument, deadlines and work are return values."""
