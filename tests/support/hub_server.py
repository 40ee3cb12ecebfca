"""A stand-in for the hub on the loopback: the few addresses that huggingface_hub asks."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

SHA = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(sets: Mapping[str, Mapping[str, bytes]], gated: tuple[str, ...] = ()) -> Iterator[str]:
    """Serve data sets, by id and file; a gated one shows its files only to the token `hf_good`."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _send(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].removeprefix("/api").removeprefix("/datasets/")
            name = "/".join(path.split("/")[:2])
            if name not in sets:
                self._send(404, b"{}", X_Error_Code="RepoNotFound")
            elif "/resolve/" not in path:
                files = [{"rfilename": f} for f in sets[name]]
                info = {
                    "id": name,
                    "sha": SHA,
                    "gated": name in gated and "auto",
                    "siblings": files,
                    "private": False,
                    "tags": [],
                    "downloads": 0,
                    "likes": 0,
                    "disabled": False,
                }
                self._send(200, json.dumps(info).encode(), Content_Type="application/json")
            elif name in gated and self.headers.get("Authorization") != "Bearer hf_good":
                self._send(403, b"{}", X_Error_Code="GatedRepo")
            else:
                body = sets[name][path.split("/", 4)[4]]
                self._send(200, body, ETag=f'"{hash(body):x}"', X_Repo_Commit=SHA)

        do_HEAD = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
