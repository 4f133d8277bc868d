"""Runs ONNX files in a browser: ONNX Runtime Web in headless Chromium."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from demos.common.text import one_line

PACKAGE = "onnxruntime-web@1.30.0"
SECONDS = 60  # Time limit of a page.
# As root, Chromium does not start with its sandbox.
CHROMIUM = "chromium", "--headless", "--no-sandbox", "--no-first-run"
PAGE = """<!doctype html><script type="module">
const send = (body) => fetch("/", { method: "POST", body });
try {
  const ort = await import("./ort/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create("model.onnx");
  const x = new ort.Tensor(...INPUTS);
  const y = await session.run({ [session.inputNames[0]]: x });
  const { data, dims } = y[session.outputNames[0]];
  send(JSON.stringify({ data: Array.from(data), dims }));
} catch (error) {
  send(JSON.stringify({ error: String(error) }));
}
</script>"""


def load(path: Path) -> Callable[[Any], Any]:
    """Loads an ONNX file; each call of the function opens a page."""
    runtime = install()
    content = path.read_bytes()  # The file may be deleted.

    def run(x: Any) -> Any:
        import numpy as np  # Local, because targets are listed without it.

        inputs = json.dumps([x.dtype.name, x.ravel().tolist(), x.shape])
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            folder = Path(name)
            (folder / "ort").symlink_to(runtime)
            (folder / "model.onnx").write_bytes(content)
            (folder / "index.html").write_text(PAGE.replace("INPUTS", inputs))
            answer = _browse(folder)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return np.float32(answer["data"]).reshape(answer["dims"])

    return run


def install() -> Path:
    """Returns the folder of ONNX Runtime Web; npm downloads it once, 150 MB.

    Raises:
        ImportError: If Chromium or npm is missing, or if npm fails.
    """
    folder = Path.home() / ".keras" / PACKAGE
    for program in (CHROMIUM[0], "npm"):
        if shutil.which(program) is None:
            raise ImportError(f"{program} is not installed")
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        # The folder appears only when it is complete.
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            new = f"{scratch}/new"
            command = ["npm", "install", "--ignore-scripts", PACKAGE]
            command += ["--prefix", new]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise ImportError(one_line(f"npm: {done.stderr}"))
            os.replace(new, folder)
    return folder / "node_modules" / "onnxruntime-web" / "dist"


def _browse(folder: Path) -> dict[str, Any]:
    """Opens the page of a folder in Chromium and returns what it sends."""
    answers: list[dict[str, Any]] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            answers.append(json.loads(self.rfile.read(size)))
            process.terminate()

    handler = partial(Handler, directory=str(folder))
    # With threads, because Chromium also opens connections that stay idle.
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        profile = f"--user-data-dir={folder / 'profile'}"
        env = {**os.environ, "TMPDIR": str(folder)}
        process = subprocess.Popen([*CHROMIUM, profile, address], env=env)
        try:
            reason = f"exit code {process.wait(SECONDS)}"
        except subprocess.TimeoutExpired:
            reason = f"not in {SECONDS} s"
        finally:
            process.kill()
            process.wait()
            server.shutdown()
    return answers[0] if answers else {"error": f"no answer ({reason})"}
