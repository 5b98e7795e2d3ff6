"""A Flask application that registers itself."""

import threading

from flask import Flask, request

from muster.client import RegisterBody
from muster.integrations.flask import Muster

app = Flask(__name__)
Muster(RegisterBody(service="web", host="127.0.0.1")).init_app(app)


@app.get("/")
def index() -> str:
    threading.Event().wait(float(request.args.get("think", "0")))
    return "web"


@app.cli.command()
def count() -> None:
    """A command that does not serve."""
    print("counted", "muster" in app.extensions)
