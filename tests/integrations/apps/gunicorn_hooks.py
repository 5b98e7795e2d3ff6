"""gunicorn's configuration: registered by the arbiter."""

from muster.client import RegisterBody
from muster.integrations.gunicorn import Hooks

when_ready, post_fork, post_worker_init, on_exit = Hooks(RegisterBody(service="web", host="127.0.0.1"))
