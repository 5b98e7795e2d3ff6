"""DNS: the registry's snapshots as names, over UDP and TCP."""
