"""The shared store: etcd, for several registries at once. Nothing here is imported unless it is used: it needs grpcio."""
