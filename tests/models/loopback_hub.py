"""A server on this machine that answers as the Hugging Face hub does to what its library asks when it downloads."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit


class Hub:
    """Repositories by name, each a folder; all are in the state `commit`. `damaged` changes the weights' last byte."""

    def __init__(self, repositories: dict[str, Path]):
        self.repositories, self.commit, self.damaged = repositories, "a" * 40, False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                status, headers, body = hub.answer(unquote(urlsplit(self.path).path))
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        for name, folder in self.repositories.items():
            if path.startswith(f"/api/models/{name}"):
                return 200, {"Content-Type": "application/json"}, json.dumps(self.about(name, folder)).encode()
            if path.startswith(f"/{name}/resolve/"):
                file = folder / path.split("/", 5)[5]
                content = file.read_bytes()
                headers = {"X-Repo-Commit": self.commit, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
                if self.damaged and file.suffix in (".safetensors", ".gguf"):
                    content = content[:-1] + bytes([content[-1] ^ 1])
                return 200, headers, content
        return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"

    def about(self, name: str, folder: Path) -> dict:
        """What the hub says of a repository, its large files with their checksums."""
        siblings = []
        for file in sorted(folder.iterdir()):
            content = file.read_bytes()
            large = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 0}
            is_large = file.suffix in (".safetensors", ".gguf")
            siblings.append({"rfilename": file.name, "size": len(content)} | ({"lfs": large} if is_large else {}))
        return {"id": name, "modelId": name, "sha": self.commit, "siblings": siblings}
