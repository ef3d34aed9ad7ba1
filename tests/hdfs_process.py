"""A real HDFS on loopback, a namenode and a datanode, for tests that kill them."""

import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.connector_process import eventually
from tests.maven_libraries import needed_libraries
from tests.ports import free_ports

VERSION = "3.4.2"
RECIPE = Path(__file__).parent / "hdfs"
NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"
HTTPFS = "org.apache.hadoop.fs.http.server.HttpFSServerWebServer"
DATANODE = "org.apache.hadoop.hdfs.server.datanode.DataNode"
OPENED = ("java.base/java.lang", "java.base/java.util")
START_SECONDS = 300.0
"""Both compute for ten seconds until they listen, which takes minutes on a machine with other work."""
SUPERUSER = "admin"
"""HDFS takes the name for that of the user who runs the namenode."""


def needed_hdfs() -> Path:
    """Jars of HDFS and HttpFS (66 MB, fetched once); the test is skipped, with the reason, where they cannot be had."""
    return needed_libraries("HttpFS", VERSION, RECIPE)


class Hdfs:
    """Both processes, which keep what they have when they are killed. Whoever writes has to have the right to."""

    def __init__(self, libraries: Path, folder: Path) -> None:
        self.port, self._rpc, self.data_port, self._data_rpc, self._transfer = free_ports(5)
        self._folder = folder
        self._libraries = libraries
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("hdfs", "datanode", "static", "logs"):
            web = folder / "conf" / "webapps" / name / "WEB-INF"
            web.mkdir(parents=True)
            (web / "web.xml").write_text("<web-app/>")
        self._configure()
        done = subprocess.run([*self._command(NAMENODE), "-format", "-force", "-nonInteractive"], capture_output=True)
        assert done.returncode == 0, done.stderr[-2000:]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def datanode(self) -> str:
        return f"127.0.0.1:{self.data_port}"

    def _configure(self) -> None:
        core = {"fs.defaultFS": f"hdfs://127.0.0.1:{self._rpc}", "hadoop.tmp.dir": f"{self._folder}/tmp"}
        core["hadoop.http.staticuser.user"] = "nobody"
        # HttpFS acts for its users.
        core |= {f"hadoop.proxyuser.{SUPERUSER}.{name}": "*" for name in ("hosts", "groups")}
        site = {
            "dfs.namenode.name.dir": f"file://{self._folder}/name",
            "dfs.datanode.data.dir": f"file://{self._folder}/data",
            "dfs.replication": "1",
            "dfs.namenode.http-address": f"127.0.0.1:{self.port}",
            "dfs.datanode.address": f"127.0.0.1:{self._transfer}",
            "dfs.datanode.ipc.address": f"127.0.0.1:{self._data_rpc}",
            "dfs.datanode.http.address": self.datanode,
            "dfs.datanode.hostname": "127.0.0.1",
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            "dfs.namenode.safemode.extension": "0",
            # A killed datanode is not missed for half a minute, nor is its absence noticed only then.
            "dfs.heartbeat.interval": "1",
        }
        for name, settings in (("core-site.xml", core), ("hdfs-site.xml", site)):
            (self._folder / "conf" / name).write_text(_xml(settings))
        (self._folder / "conf" / "log4j.properties").write_bytes((RECIPE / "log4j.properties").read_bytes())

    def start_httpfs(self) -> str:
        """Run HttpFS too, which passes everything on by itself; its URL."""
        (port,) = free_ports(1)
        own = self._folder / "httpfs"
        for name in ("conf", "log", "temp"):
            (own / name).mkdir(parents=True)
        settings = {"httpfs.http.port": str(port), "httpfs.http.hostname": "127.0.0.1"}
        (own / "conf" / "httpfs-site.xml").write_text(
            _xml(settings | {"httpfs.hadoop.config.dir": f"{self._folder}/conf"})
        )
        (own / "conf" / "httpfs-signature.secret").write_text("secret-of-the-test")
        (own / "conf" / "httpfs-log4j.properties").write_bytes((RECIPE / "log4j.properties").read_bytes())
        places = [f"-Dhttpfs.home.dir={own}", *(f"-Dhttpfs.{name}.dir={own}/{name}" for name in ("log", "temp"))]
        places += [f"-Dhttpfs.config.dir={own}/conf"]
        with (self._folder / "log").open("ab") as log:
            command = self._command(HTTPFS, *places, before=f"{own}/conf:")
            self._running[HTTPFS] = subprocess.Popen(command, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{port}"

        def is_up() -> bool:
            try:
                with urllib.request.urlopen(f"{url}/webhdfs/v1/?op=LISTSTATUS&user.name={SUPERUSER}", timeout=60):
                    return True
            except OSError:
                return False

        try:
            eventually(is_up, lambda: (self._folder / "log").read_text(errors="replace")[-3000:], START_SECONDS)
        except BaseException:
            self.kill()  # nobody else does if it never was ready
            raise
        return url

    def _command(self, name: str, *more: str, before: str = "") -> list[str]:
        options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx192m", "-Djava.net.preferIPv4Stack=true"]
        options += [each for opened in OPENED for each in ("--add-opens", f"{opened}=ALL-UNNAMED")]
        options += [f"-Dhadoop.home.dir={self._folder}", f"-Duser.name={SUPERUSER}", *more]
        return [
            "env",
            f"HADOOP_USER_NAME={SUPERUSER}",
            "java",
            *options,
            "-cp",
            f"{before}{self._folder}/conf:{self._libraries}/*",
            name,
        ]

    def start(self, *names: str) -> None:
        """Both, or those that are named, until files can be written."""
        for name in names or (NAMENODE, DATANODE):
            with (self._folder / "log").open("ab") as log:
                self._running[name] = subprocess.Popen(self._command(name), stdout=log, stderr=log)
        try:
            eventually(self._is_up, lambda: (self._folder / "log").read_text(errors="replace")[-3000:], START_SECONDS)
        except BaseException:
            self.kill()  # nobody else does if it never was ready
            raise

    def _is_up(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.data_port), 5).close()
        except OSError:
            return False
        state = self._bean("FSNamesystemState")
        return state.get("NumLiveDataNodes", 0) >= 1 and self._bean("NameNodeInfo").get("Safemode") == ""

    def _bean(self, name: str) -> dict[str, Any]:
        url = f"{self.url}/jmx?qry=Hadoop:service=NameNode,name={name}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                beans = json.loads(answer.read())["beans"]
        except OSError:
            return {}
        return beans[0] if beans else {}

    def kill(self, *names: str) -> None:
        """All, or those that are named."""
        for name in names or (NAMENODE, DATANODE, HTTPFS):
            process = self._running.pop(name, None)
            if process is not None:
                process.kill()
                process.wait()

    def ask(self, method: str, path: str, operation: str, user: str = SUPERUSER, **more: str) -> Any:
        """What HDFS answers; None if it is an error, or there is no answer."""
        query = urlencode({"op": operation, "user.name": user} | {k.replace("_", "."): v for k, v in more.items()})
        request = urllib.request.Request(f"{self.url}/webhdfs/v1{path}?{query}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                body = answer.read()
        except (OSError, urllib.error.HTTPError):
            return None
        return body if operation == "OPEN" else json.loads(body or b"{}")

    def folder_for(self, user: str, path: str) -> None:
        """A folder that belongs to a user."""
        assert self.ask("PUT", path, "MKDIRS")
        assert self.ask("PUT", path, "SETOWNER", owner=user, group=user) is not None

    def names(self, path: str) -> list[str]:
        """The files below a folder, with their paths below it, in their order."""
        found = self.ask("GET", path, "LISTSTATUS")
        if found is None:
            return []
        names: list[str] = []
        for each in found["FileStatuses"]["FileStatus"]:
            name = each["pathSuffix"]
            below = self.names(f"{path}/{name}") if each["type"] == "DIRECTORY" else [""]
            names += [f"{name}/{rest}" if rest else name for rest in below]
        return sorted(names)

    def content(self, path: str) -> bytes:
        """Of a file."""
        # A namenode that has just started does not know yet where the blocks are.
        found = eventually(lambda: self.ask("GET", path, "OPEN"), f"content of {path}")
        assert isinstance(found, bytes), path
        return found


def _xml(settings: Mapping[str, str]) -> str:
    lines = [f"<property><name>{k}</name><value>{v}</value></property>" for k, v in settings.items()]
    return "<configuration>" + "".join(lines) + "</configuration>"
