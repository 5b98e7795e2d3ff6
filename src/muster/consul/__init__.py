"""The discovery surface of Consul's HTTP API, as a translation of the registry's records: existing Consul clients work unchanged."""
