"""The data endpoints and the page, on loopback."""

from lingjing.interfaces.http.app import API, create_app
from lingjing.interfaces.http.serving import serve

__all__ = ["API", "create_app", "serve"]
