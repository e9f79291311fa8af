"""Which way to the server is taken, and that every kind of client does."""

from __future__ import annotations

import asyncio
import pickle
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable
from unittest import mock

import fakeredis
import pytest
import redis
import redis.asyncio
import valkey
import valkey.asyncio
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

from conftest import Server, eventually, leftovers, server_binary
from redismutex import (
    BlockTimeExceedError,
    LockLost,
    MutexConfigError,
    MutexUnavailableError,
    RedisMutex,
    aio,
    with_redismutex,
)


def works(mutex: RedisMutex, conn: Any, key: str) -> None:
    """Exclusion, waiting, renewal and loss through this mutex."""
    mutex.delay, mutex.block_time = 0.05, 5
    with mutex.acquire_lock(key):
        assert conn.exists(key)
        assert mutex.try_acquire(key) is None
        thread = threading.Thread(target=lambda: mutex.acquire(key).release())
        thread.start()
        time.sleep(0.15)
        mutex.extend(20)
        assert conn.pttl(key) > 15000
        assert thread.is_alive()
    thread.join(5)
    assert not thread.is_alive()
    guard = mutex.acquire(key)
    holder = mutex.holder(key)
    assert holder is not None
    assert holder.value == guard.value
    conn.delete(key)
    with pytest.raises(LockLost):
        guard.extend(5)
    guard = mutex.acquire(key)
    conn.delete(key)
    with pytest.raises(LockLost):
        guard.release()
    mutex.block_time = 0.2
    conn.set(key, "somebody", px=5000)
    with pytest.raises(BlockTimeExceedError):
        mutex.acquire_lock(key)
    assert mutex.release_by_force(key) is True
    assert leftovers(conn, key) == []


async def test_native_where_the_connection_is_plain(server: Server, conn: redis.StrictRedis, key: str) -> None:
    for client in (
        conn,
        server.client(decode_responses=True, socket_timeout=3, health_check_interval=5, client_name="x"),
        redis.StrictRedis(unix_socket_path=server.path, db=1),
        redis.from_url(server.url),
        redis.StrictRedis(connection_pool=redis.BlockingConnectionPool.from_url(server.url)),
        redis.asyncio.Redis(host="127.0.0.1", port=server.port, db=1),
        valkey.Valkey(host="127.0.0.1", port=server.port, db=1),
        valkey.asyncio.Valkey(host="127.0.0.1", port=server.port, db=1),
    ):
        mutex = RedisMutex(client)
        assert mutex.transport == "native", client
        with mutex.acquire_lock(key):
            assert conn.get(key) == mutex.value.encode()


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_urls(server: Server, conn: redis.StrictRedis, key: str, scheme: str) -> None:
    mutex = RedisMutex(server.url.replace("redis:", scheme + ":"))
    assert mutex.transport == "native"
    works(mutex, conn, key)
    for url in (f"unix://{server.path}?db=1", f"redis+unix://{server.path}?db=1"):
        with RedisMutex(url).acquire_lock(key):
            assert conn.exists(key)
    with pytest.raises(TypeError):
        RedisMutex("localhost:6379")
    with pytest.raises(MutexConfigError):
        RedisMutex(server.url, transport="client")


def test_a_subclass_that_changes_nothing_is_native(server: Server) -> None:
    class Mine(redis.StrictRedis):
        def helper(self) -> None: ...

    assert RedisMutex(Mine(port=server.port)).transport == "native"


def test_what_is_changed_goes_through_the_client(server: Server, conn: redis.StrictRedis, key: str) -> None:
    seen: list[str] = []

    class Counting(redis.StrictRedis):
        def execute_command(self, *args: Any, **options: Any) -> Any:
            seen.append(str(args[0]))
            return super().execute_command(*args, **options)

    mutex = RedisMutex(Counting(host="127.0.0.1", port=server.port, db=1))
    assert mutex.transport == "client"
    works(mutex, conn, key)
    assert "EVALSHA" in seen

    patched = server.client()
    with mock.patch.object(patched, "execute_command", wraps=patched.execute_command) as spy:
        mutex = RedisMutex(patched)
        assert mutex.transport == "client"
        with mutex.acquire_lock(key):
            assert spy.called


@pytest.mark.parametrize("option", ["redis_connect_func", "an_unknown_one"])
def test_what_is_not_understood_goes_through_the_client(server: Server, option: str) -> None:
    client = server.client()
    client.connection_pool.connection_kwargs[option] = lambda _: None
    assert RedisMutex(client).transport == "client"
    with pytest.raises(MutexConfigError, match=option):
        RedisMutex(client, transport="native")


def test_other_connections_go_through_the_client(server: Server, conn: redis.StrictRedis, key: str) -> None:
    class Mine(redis.Connection):
        pass

    pool = redis.ConnectionPool(connection_class=Mine, host="127.0.0.1", port=server.port, db=1)
    mutex = RedisMutex(redis.StrictRedis(connection_pool=pool))
    assert mutex.transport == "client"
    works(mutex, conn, key)
    pool.disconnect()


@pytest.mark.parametrize("lua", [True, False])
def test_fakeredis(key: str, lua: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    conn = fakeredis.FakeStrictRedis()
    if not lua:
        without_scripts(monkeypatch)
    mutex = RedisMutex(conn)
    assert mutex.transport == "client"
    works(mutex, conn, key)
    with mutex.acquire_lock(key):
        assert (mutex.fence is not None) is lua


def without_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As fakeredis is without its extra."""

    def unknown(self: Any, *_: Any) -> Any:
        raise redis.ResponseError("unknown command 'evalsha'")

    for cls in (redis.client.Redis, redis.asyncio.client.Redis):
        monkeypatch.setattr(cls, "evalsha", unknown)


@pytest.mark.parametrize("lua", [True, False])
async def test_fakeredis_of_asyncio(key: str, lua: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    conn = fakeredis.FakeAsyncRedis()
    if not lua:
        without_scripts(monkeypatch)
    mutex = aio.RedisMutex(conn, delay=0.05, renew=True, expiry=0.6)
    assert mutex.transport == "client"
    async with mutex.acquire_lock(key):
        waiter = asyncio.ensure_future(mutex.acquire(key)._acquire)
        await asyncio.sleep(0.8)
        assert not waiter.done()
        assert mutex.owned
    guard = await asyncio.wait_for(waiter, 5)
    await guard.extend(5)
    await conn.delete(key)
    with pytest.raises(LockLost):
        await guard.release()
    with pytest.raises(MutexConfigError, match="aio"):
        RedisMutex(conn)
    await conn.aclose()


def test_a_decorator_over_fakeredis(key: str) -> None:
    conn = fakeredis.FakeStrictRedis(decode_responses=True)

    @with_redismutex(conn, key)
    def locked() -> int:
        return conn.exists(key)

    assert locked() == 1
    assert not conn.exists(key)


def test_a_user_who_may_not_run_scripts(own_server: Callable[..., Server], key: str) -> None:
    server = own_server()
    admin = server.client()
    rights = ["~*", "&*", "+@all", "-@scripting"]
    admin.execute_command("ACL", "SETUSER", "plain", "on", ">secret", *rights)
    client = server.client(username="plain", password="secret")
    mutex = RedisMutex(client, transport="client")
    works(mutex, admin, key)
    with mutex.acquire_lock(key):
        assert mutex.fence is None


def test_a_key_that_is_denied_does_not_cost_the_others_their_queue(
    own_server: Callable[..., Server], key: str
) -> None:
    server = own_server()
    rights = [f"~{key}*", "~redismutex:*", "&*", "+@all"]
    server.client().execute_command("ACL", "SETUSER", "some", "on", ">secret", *rights)
    mutex = RedisMutex(server.client(username="some", password="secret"), transport="client")
    with pytest.raises(MutexConfigError):
        mutex.acquire_lock("foreign")
    with mutex.acquire_lock(key):
        assert mutex.fence is not None


def test_credentials(own_server: Callable[..., Server], key: str) -> None:
    server = own_server("--requirepass", "s e@c:r/e?t")
    admin = server.client(password="s e@c:r/e?t")
    admin.execute_command("ACL", "SETUSER", "me", "on", ">first", "~*", "&*", "+@all")
    asked: list[int] = []

    class Provider(redis.CredentialProvider):
        def get_credentials(self) -> tuple[str, str]:
            asked.append(1)
            return "me", "first"

    for client in (
        admin,
        server.client(username="me", password="first"),
        server.client(credential_provider=Provider()),
    ):
        mutex = RedisMutex(client, transport="native")
        with mutex.acquire_lock(key):
            assert admin.exists(key)
    assert asked == [1]
    with pytest.raises(MutexConfigError, match="WRONGPASS"):
        RedisMutex(server.client(password="wrong")).acquire_lock(key)
    with pytest.raises(MutexConfigError, match=r"NOAUTH|HELLO"):
        RedisMutex(server.client()).acquire_lock(key)


def test_no_server_is_told_and_not_gone_around(key: str, transport: str) -> None:
    client = redis.StrictRedis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    mutex = RedisMutex(client, block_time=0.3, delay=0.1, transport=transport)
    begin = time.monotonic()
    with pytest.raises(MutexUnavailableError) as caught:
        mutex.acquire_lock(key)
    assert time.monotonic() - begin < 1.5
    # As 1.0.0 raised, for those who catch it.
    assert isinstance(caught.value, redis.ConnectionError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again), again.key) == (MutexUnavailableError, str(caught.value), key)
    assert mutex.transport == transport


def test_what_the_client_tries_again_by_itself_is_done_once(key: str) -> None:
    """redis-py from 6 on may take five seconds for it: that comes on top of block_time, but not again and again."""
    client = redis.StrictRedis(host="127.0.0.1", port=1, retry=Retry(ConstantBackoff(0.5), 2))
    mutex = RedisMutex(client, block_time=0.3, delay=0.1, transport="client")
    begin = time.monotonic()
    with pytest.raises(MutexUnavailableError):
        mutex.acquire_lock(key)
    assert 1 <= time.monotonic() - begin < 1.9


SECRETS = [
    "redis://:secret@127.0.0.1:1",
    "redis://me:secret@127.0.0.1:1/0",
    "redis://127.0.0.1:1?password=secret",
    "redis+unix:///nowhere?pass=secret&db=1",
    "redis://me:secret@127.0.0.1:notaport/",
    "redis-sentinel://:secret@127.0.0.1",
    "redis-sentinel://127.0.0.1?password=secret",
    "me:secret@127.0.0.1",
]


@pytest.mark.parametrize("url", SECRETS)
@pytest.mark.parametrize("kind", [RedisMutex, aio.RedisMutex])
def test_no_password_is_shown(url: str, kind: Any) -> None:
    try:
        shown = repr(kind(url))
        assert "1" in shown or "nowhere" in shown
    except TypeError as error:
        shown = str(error)
        assert "127.0.0.1" in shown
    assert "secret" not in shown


def test_no_password_of_a_client_is_shown() -> None:
    client = redis.StrictRedis(password="secret", username="me")
    for transport in ("native", "client"):
        assert "secret" not in repr(RedisMutex(client, transport=transport))

    class Wrapper:
        def __repr__(self) -> str:
            return f"Wrapper({client}, secret)"

    with pytest.raises(TypeError) as caught:
        RedisMutex(Wrapper())
    assert "secret" not in str(caught.value)


def test_a_cluster(own_server: Callable[..., Server], key: str) -> None:
    server = own_server("--cluster-enabled", "yes")
    plain = redis.StrictRedis(host="127.0.0.1", port=server.port)
    plain.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    eventually(lambda: b"cluster_state:ok" in plain.execute_command("CLUSTER", "INFO", NEVER_DECODE=True))
    cluster = redis.RedisCluster(host="127.0.0.1", port=server.port)
    mutex = RedisMutex(cluster)
    assert mutex.transport == "client"
    works(mutex, plain, key)
    works(mutex, plain, "a}" + key + "{b")
    cluster.close()


def test_sentinel(own_server: Callable[..., Server], key: str, tmp_path: Path) -> None:
    server, place = own_server(), own_server()
    place.kill()
    config = tmp_path / "sentinel.conf"
    config.write_text(f"port {place.port}\nsentinel monitor it 127.0.0.1 {server.port} 1\n")
    with subprocess.Popen([server_binary(), str(config), "--sentinel"], stdout=subprocess.DEVNULL) as process:
        sentinel = redis.Sentinel([("127.0.0.1", place.port)])
        try:
            eventually(lambda: knows(sentinel))
            mutex = RedisMutex(sentinel.master_for("it"))
            assert mutex.transport == "client"
            works(mutex, redis.StrictRedis(host="127.0.0.1", port=server.port), key)
            with pytest.raises(MutexConfigError, match="master_for"):
                RedisMutex(sentinel.slave_for("it"))
        finally:
            process.kill()


def knows(sentinel: redis.Sentinel) -> bool:
    try:
        return bool(sentinel.discover_master("it"))
    except redis.ConnectionError:
        return False


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """An authority, and a server's and a client's certificate by it."""

    def openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=tmp_path)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    openssl(
        "req", "-x509", *new, *authority, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca"
    )
    (tmp_path / "ext").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n"
    )
    for name in ("server", "client"):
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext"]
        openssl("x509", "-req", "-in", f"{name}.csr", *sign, "-out", f"{name}.pem")
    return tmp_path


def test_tls(own_server: Callable[..., Server], certificates: Path, key: str) -> None:
    def file(name: str) -> str:
        return str(certificates / name)

    plain = own_server()
    with_tls = ["--tls-cert-file", file("server.pem"), "--tls-key-file", file("server.key")]
    plain.kill()
    plain.options = (
        *with_tls,
        "--tls-ca-cert-file",
        file("ca.pem"),
        "--tls-port",
        str(plain.port),
        "--port",
        "0",
    )
    try:
        plain.start()
    except AssertionError:
        pytest.skip("this server was built without TLS")
    ours = {"ssl_certfile": file("client.pem"), "ssl_keyfile": file("client.key")}

    def mutex(**kwargs: Any) -> RedisMutex:
        return RedisMutex(plain.client(ssl=True, **{**ours, **kwargs}))

    trusting = mutex(ssl_ca_certs=file("ca.pem"), ssl_check_hostname=True)
    careless = mutex(ssl_cert_reqs="none", ssl_check_hostname=False)
    nameless = mutex(ssl_ca_certs=file("ca.pem"), ssl_check_hostname=False)
    assert [one.transport for one in (trusting, careless, nameless)] == ["native", "native", "client"]
    for one in (trusting, careless, nameless):
        with one.acquire_lock(key):
            pass
    assert mutex(ssl_check_hostname=True, ssl_ciphers="AES128-SHA").transport == "client"
    unknown = mutex(ssl_check_hostname=True)
    unknown.block_time, unknown.delay = 0.2, 0.1
    if ssl.create_default_context().get_ca_certs():
        assert unknown.transport == "native"
        with pytest.raises(MutexUnavailableError, match="authority"):
            unknown.acquire_lock(key)


def test_gevent_goes_through_the_client(conn: redis.StrictRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkey = mock.Mock(is_module_patched=lambda name: name == "socket")
    monkeypatch.setitem(__import__("sys").modules, "gevent.monkey", monkey)
    assert RedisMutex(conn).transport == "client"


def test_gevent_and_a_url_are_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every greenlet would stand still for as long as one waits, the holder too."""
    monkey = mock.Mock(is_module_patched=lambda name: name == "socket")
    monkeypatch.setitem(__import__("sys").modules, "gevent.monkey", monkey)
    with pytest.raises(MutexConfigError, match=r"gevent.*client"):
        RedisMutex(server.url)


def test_what_does_not_run_commands_at_once_is_no_client(conn: redis.StrictRedis) -> None:
    asynchronous = redis.asyncio.Redis()
    for thing in (conn.pipeline(), conn.pubsub(), asynchronous.pipeline(), asynchronous.pubsub()):
        for kind in (RedisMutex, aio.RedisMutex):
            with pytest.raises(TypeError, match="client"):
                kind(thing)
