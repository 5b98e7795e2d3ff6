"""A Django project in one file, which registers itself."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse("web")


urlpatterns = [path("", index)]
if not settings.configured:
    settings.configure(
        DEBUG=True,
        ROOT_URLCONF="manage",
        ALLOWED_HOSTS=["*"],
        SECRET_KEY=os.urandom(16).hex(),
        INSTALLED_APPS=["muster.integrations.django.MusterConfig"],
        MUSTER={"service": "web", "host": "127.0.0.1"},
    )

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    application = get_wsgi_application()
