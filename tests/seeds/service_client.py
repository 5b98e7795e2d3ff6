"""A discovery client, rebuilt from the description beside the one in `service_registry.py` (its listing is cut short in print):
a cache of 30 s under a lock, look-ups by HTTP, round robin; what is stale is better than nothing when the registry is away.
"""
# ruff: noqa: TID251

import threading
import time

import requests


class ServiceClient:
    def __init__(self, registry_url: str, cache_ttl_seconds: int = 30):
        self.registry_url = registry_url
        self.cache_ttl = cache_ttl_seconds
        self.cache: dict[str, tuple[list, float]] = {}  # service_name -> (instances, expiry)
        self.lock = threading.Lock()
        self._counters: dict[str, int] = {}

    def get_instances(self, service_name: str) -> list[dict]:
        with self.lock:
            cached = self.cache.get(service_name)
            if cached and time.monotonic() < cached[1]:
                return cached[0]
        try:
            response = requests.get(f"{self.registry_url}/services/{service_name}/instances", timeout=2)
            response.raise_for_status()
            instances = [i for i in response.json()["instances"] if i["status"] == "healthy"]
        except requests.RequestException:
            return cached[0] if cached else []
        with self.lock:
            self.cache[service_name] = (instances, time.monotonic() + self.cache_ttl)
        return instances

    def get_instance(self, service_name: str) -> dict:
        instances = self.get_instances(service_name)
        if not instances:
            raise LookupError(f"No healthy instances of {service_name}")
        return self._round_robin(service_name, instances)

    def _round_robin(self, service_name: str, instances: list[dict]) -> dict:
        idx = self._counters.get(service_name, 0)
        self._counters[service_name] = (idx + 1) % len(instances)
        return instances[idx]
