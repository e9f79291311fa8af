"""Whether a client's connection can be reproduced exactly, and how.

Knows the classes and settings of redis-py and valkey-py. Must not open anything. What is not surely
understood is left to the user's own client: a guess might reach another server, hence another lock.
"""

from __future__ import annotations

import re
import ssl
import sys
from dataclasses import dataclass
from typing import Any, Optional, Union
from urllib.parse import quote, urlsplit

from ._core_types import Server, Who
from .errors import MutexConfigError

_SCHEMES = {"redis", "rediss", "valkey", "valkeys", "redis+unix", "valkey+unix", "unix"}
_FAMILIES = ("redis", "redis.asyncio", "valkey", "valkey.asyncio")
_PLAIN = {f"{family}.connection.Connection" for family in _FAMILIES}
_UNIX = {f"{family}.connection.UnixDomainSocketConnection" for family in _FAMILIES}
_TLS = {f"{family}.connection.SSLConnection" for family in _FAMILIES}
_POOLS = {
    f"{family}.connection.{pool}" for family in _FAMILIES for pool in ("ConnectionPool", "BlockingConnectionPool")
}
# What a subclass or a monkeypatch may have changed, so that its effect would be missing.
_METHODS = ("execute_command", "eval", "evalsha", "set", "get", "delete", "pipeline", "parse_response")
# Settings of the client's own sockets, replies and retries: they do not say where the server is or who we are.
_NEUTRAL = {
    "socket_timeout", "socket_connect_timeout", "socket_read_size", "socket_keepalive",
    "socket_keepalive_options", "socket_type", "encoding", "encoding_errors", "decode_responses",
    "retry", "retry_on_timeout", "retry_on_error", "health_check_interval", "client_name", "lib_name",
    "lib_version", "driver_info", "protocol", "legacy_responses", "max_connections", "himport_registry",
    "event_dispatcher", "maint_notifications_config", "maint_notifications_pool_handler",
    "maintenance_state", "maintenance_notification_hash", "orig_host_address", "orig_socket_timeout",
    "orig_socket_connect_timeout", "oss_cluster_maint_notifications_handler", "single_connection_client",
    "cache_enabled", "cache_max_size", "cache_ttl", "cache_policy", "cache_deny_list", "cache_allow_list",
}  # fmt: skip
_PLACE = {"host", "port", "path", "db", "username", "password", "credential_provider"}
_TLS_KNOWN = {
    "ssl_keyfile", "ssl_certfile", "ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_data", "ssl_check_hostname",
    "ssl_context",
}  # fmt: skip


@dataclass(frozen=True)
class Unknown:
    """It cannot be reproduced, and why."""

    reason: str


def is_url(connection: object) -> bool:
    return isinstance(connection, str) and urlsplit(connection).scheme in _SCHEMES


def shown(connection: object) -> str:
    """A client or URL for people and logs, without its password."""
    if not isinstance(connection, str):
        return f"the class {_name(connection)}" if isinstance(connection, type) else _name(type(connection))
    # A password may have an @ and a slash in it: rather too little is shown than too much.
    return re.sub(r"([?&][^=&]*pass[^=&]*=)[^&]*", r"\1***", re.sub(r"^(\w[^/@]*://)?.*@", r"\1***@", connection))


def is_client(connection: object) -> bool:
    """Whether it looks like a client: it runs scripts at once, which a pipeline does later and a PubSub never."""
    runs = all(callable(getattr(connection, name, None)) for name in ("execute_command", "evalsha"))
    return runs and not any(hasattr(connection, name) for name in ("command_stack", "_command_stack"))


def is_async_client(connection: object) -> bool:
    return any(".asyncio" in cls.__module__ or "_async" in cls.__module__ for cls in type(connection).__mro__)


def of_url(url: str) -> Server:
    """The server that a URL names."""
    if url.startswith("unix:"):
        url = "redis+" + url
    return _server(url)


def of_client(client: Any) -> Union[Server, Unknown]:
    """The server of a client, where nothing about it is unclear."""
    patched = greenlets() or _changed(client)
    if patched:
        return Unknown(patched)
    pool: Any = getattr(client, "connection_pool", None)
    if _name(type(pool)) not in _POOLS:
        return Unknown(f"its connection pool is a {_name(type(pool))}")
    name, kwargs = _name(pool.connection_class), pool.connection_kwargs
    if name not in _PLAIN | _UNIX | _TLS:
        return Unknown(f"its connections are {name}")
    known = _NEUTRAL | _PLACE | (_TLS_KNOWN if name in _TLS else set())
    # None, False and 0 are what one gets by not asking for a thing.
    odd = sorted(key for key, value in kwargs.items() if key not in known and value)
    if odd:
        return Unknown(f"it has been given {', '.join(odd)}")
    return _reproduced(name, kwargs)


def _reproduced(name: str, kwargs: dict[str, Any]) -> Union[Server, Unknown]:
    database = int(kwargs.get("db") or 0)
    if name in _UNIX:
        server = _server(f"redis+unix://{quote(str(kwargs['path']))}?db={database}")
    else:
        host = str(kwargs.get("host") or "localhost")
        host = f"[{host}]" if ":" in host else quote(host)
        scheme = "rediss" if name in _TLS else "redis"
        server = _server(f"{scheme}://{host}:{int(kwargs.get('port') or 6379)}/{database}")
    _identify(server, kwargs)
    if name in _TLS:
        unclear = _encrypt(server, kwargs)
        if unclear:
            return Unknown(unclear)
    return server


def _identify(server: Server, kwargs: dict[str, Any]) -> None:
    server["username"], server["password"] = kwargs.get("username"), kwargs.get("password")
    if kwargs.get("credential_provider") is not None:
        server["credentials"] = Credentials(kwargs["credential_provider"])


class Credentials:
    """Asks the user's provider, at each connection anew."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider

    def __call__(self) -> Who:
        found = tuple(self.provider.get_credentials())
        return found if len(found) == 2 else (None, found[0])

    def __repr__(self) -> str:
        # Tells connections apart; the provider lives for as long as one of them does.
        return f"Credentials({id(self.provider)})"


def _encrypt(server: Server, kwargs: dict[str, Any]) -> Optional[str]:
    """Says how to encrypt; returns what is unclear about it."""
    required = kwargs.get("ssl_cert_reqs", "required")
    if kwargs.get("ssl_context") is not None:
        return "it has been given ssl_context"
    if required in (None, "none", ssl.CERT_NONE):
        server["url"] += "#insecure"
    elif required not in ("required", ssl.CERT_REQUIRED):
        return f"it has been given ssl_cert_reqs={required!r}"
    elif not kwargs.get("ssl_check_hostname"):
        return "it does not check the name in the server's certificate, and we always do"
    else:
        server["tls_roots"] = _roots(kwargs)
        if not server["tls_roots"]:
            return "the authorities that it trusts cannot be listed"
    if kwargs.get("ssl_certfile"):
        certificate, key = kwargs["ssl_certfile"], kwargs.get("ssl_keyfile") or kwargs["ssl_certfile"]
        with open(certificate, "rb") as chain, open(key, "rb") as private:
            server["tls_client"] = (chain.read(), private.read())
    return None


def _roots(kwargs: dict[str, Any]) -> bytes:
    context = ssl.create_default_context(cafile=kwargs.get("ssl_ca_certs"), cadata=kwargs.get("ssl_ca_data"))
    found = context.get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, found)).encode()


def _server(url: str) -> Server:
    return {
        "url": url,
        "username": None,
        "password": None,
        "credentials": None,
        "tls_roots": None,
        "tls_client": None,
    }


def _changed(client: Any) -> Optional[str]:
    """What a subclass or a monkeypatch changes about how the client talks to its server."""
    base = next((cls for cls in type(client).__mro__ if _name(cls) in _CLIENTS), None)
    if base is None:
        return f"it is a {_name(type(client))}"
    for method in _METHODS:
        own = getattr(type(client), method, None)
        if method in vars(client) or own is not getattr(base, method, None):
            return f"it has a {method} of its own"
    return None


_CLIENTS = {
    "redis.client.Redis",
    "redis.client.StrictRedis",
    "redis.asyncio.client.Redis",
    "valkey.client.Valkey",
    "valkey.asyncio.client.Valkey",
}


def greenlets() -> Optional[str]:
    """Greenlets would all stand still while our connection waits; the user's own is made for them."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("socket"):
        return "gevent has patched the sockets"
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("socket"):
        return "eventlet has patched the sockets"
    return None


def refuse_replica(client: Any) -> None:
    """A client that sentinels point to a replica cannot hold locks."""
    if getattr(getattr(client, "connection_pool", None), "is_master", True) is False:
        raise MutexConfigError("this client reads from a replica: give the one of master_for()")


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
