"""Eureka's REST API on the registry's own port."""
