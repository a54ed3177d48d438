"""Azurite: Microsoft's own stand-in for Azure's blob storage, as npm brings it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import subprocess
import tempfile
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

from tests.services import ServiceMissingError
from tests.services.downloads import downloaded
from tests.services.processes import HOST, ChildProcess, free_port
from tests.services.service import Service

ACCOUNT = "devstoreaccount1"
_PACKAGE = Path(__file__).with_name("package.json")
_PATIENCE = 600.0  # seconds for 370 packages; one minute is usual


def azurite_folder() -> Path:
    """Where it is installed. Raises ServiceMissingError where npm is missing or cannot reach its registry."""
    return downloaded(f"azurite-{hashlib.sha256(_PACKAGE.read_bytes()).hexdigest()[:12]}", _install)


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ServiceMissingError("Azurite is fetched by npm: apt-get install npm")
    folder.mkdir()
    shutil.copy(_PACKAGE, folder)
    argv = [
        npm,
        "install",
        "--prefix",
        str(folder),
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode != 0:
        raise ServiceMissingError(f"npm could not fetch Azurite:\n{(done.stdout + done.stderr)[-2000:]}")


class Azurite(Service):
    """A blob storage of one account that forgets when it ends. It tells nobody that it runs."""

    key = base64.b64encode(b"a key of this account, for loopback alone").decode()

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="azurite-")

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}/{ACCOUNT}"

    def start(self) -> Self:
        node = shutil.which("node")
        if node is None:
            raise ServiceMissingError("Azurite needs Node: apt-get install nodejs")
        script = azurite_folder() / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
        argv = [node, str(script), "--blobHost", HOST, "--blobPort", str(self.port), "--inMemoryPersistence"]
        argv += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        folder = Path(self._folder.name)
        env = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self.key}"}
        return self._serve(
            ChildProcess(argv, folder, env=env, cwd=folder, name="azurite"), lambda it: it.wait_for_port(self.port)
        )

    def close(self) -> None:
        super().close()
        self._folder.cleanup()

    def make_container(self, name: str) -> None:
        """A container, by a request that is signed as Azure's documents say ("Authorize with Shared Key")."""
        date = formatdate(usegmt=True)
        headers = f"x-ms-date:{date}\nx-ms-version:2021-12-02\n"
        resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        signed = "PUT" + "\n" * 12 + headers + resource
        signature = hmac.digest(base64.b64decode(self.key), signed.encode(), "sha256")
        connection = HTTPConnection(HOST, self.port, timeout=20)
        authorization = f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}"
        connection.request(
            "PUT",
            f"/{ACCOUNT}/{name}?restype=container",
            headers={"x-ms-date": date, "x-ms-version": "2021-12-02", "Authorization": authorization},
        )
        status = connection.getresponse().status
        connection.close()
        assert status == 201, f"no container {name}: {status}"
