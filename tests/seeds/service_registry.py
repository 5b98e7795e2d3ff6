"""A registration client as an article about service discovery prints it: indentation and imports restored, otherwise as printed.

Programs like this one exist; they must go on working against Muster with nothing but another URL.
"""
# ruff: noqa
# fmt: off

import atexit
import threading
import time
from uuid import uuid4

import requests


class ServiceRegistry:
    def __init__(self, registry_url: str, service_name: str, host: str, port: int):
        self.registry_url = registry_url
        self.instance_id = f"{service_name}-{host}-{port}-{uuid4().hex[:8]}"
        self.service_name = service_name
        self.host = host
        self.port = port

    def register(self, metadata: dict = None):
        requests.post(f"{self.registry_url}/register", json={
            'instance_id': self.instance_id,
            'service_name': self.service_name,
            'host': self.host,
            'port': self.port,
            'metadata': metadata or {}
        })
        # Start background heartbeat thread
        threading.Thread(target=self._heartbeat_loop, daemon=True).start()
        # Deregister on shutdown
        atexit.register(self.deregister)

    def _heartbeat_loop(self, interval_seconds: int = 10):
        while True:
            try:
                requests.put(f"{self.registry_url}/heartbeat/{self.instance_id}")
            except Exception:
                pass # heartbeat failure is non-fatal — registry will expire us
            time.sleep(interval_seconds)

    def deregister(self):
        requests.delete(f"{self.registry_url}/instances/{self.instance_id}")
