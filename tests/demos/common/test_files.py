"""Files are the old ones or the new ones, whole, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from demos.common.errors import UserError
from demos.common.files import atomic, check_writable, write_json, write_text

ROWS = 200_000  # As JSON more than a megabyte, so that writing takes a while.


def python(code, *argv):
    """Starts a process that runs code."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, argv)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_text_and_json_replace_what_was_there(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("something longer than what comes")
    write_text(path, "Größe ∞\n")
    assert path.read_bytes() == "Größe ∞\n".encode()
    write_json(path, {"a": [1, 2.5, "∞"]})
    assert json.loads(path.read_text()) == {"a": [1, 2.5, "∞"]}
    assert path.read_text().endswith("}\n")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_not_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", [object()])
    assert json.loads((tmp_path / "a.json").read_text()) == [1]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_in_the_middle_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with atomic(path) as scratch:
            assert scratch.parent == path.parent
            assert scratch.suffix == path.suffix  # As Keras wants of its files.
            scratch.write_text("half of the ne")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_killed_in_the_middle_the_old_file_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = """
        import sys, time
        from pathlib import Path
        from demos.common.files import atomic

        with atomic(Path(sys.argv[1])) as scratch:
            scratch.write_text("half of the ne")
            print("writing", flush=True)
            time.sleep(60)
    """
    with python(code, path) as process:
        assert process.stdout.readline() == "writing\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_text(path, "new")
    assert path.read_text() == "new"


WRITER = f"""
    import sys
    from pathlib import Path
    from demos.common.files import write_json

    print("ready", flush=True)
    while True:
        write_json(Path(sys.argv[1]), [int(sys.argv[2])] * {ROWS})
"""


def test_two_who_write_and_are_killed_leave_one_whole_version(tmp_path):
    path = tmp_path / "a.json"
    writers = [python(WRITER, path, number) for number in (1, 2)]
    try:
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        seen = set()
        until = time.monotonic() + 20
        while len(seen) < 2 and time.monotonic() < until:
            if path.exists():
                content = json.loads(path.read_text())
                assert len(content) == ROWS
                assert len(set(content)) == 1
                seen |= set(content)
        assert seen == {1, 2}
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert len(json.loads(path.read_text())) == ROWS


def test_a_folder_that_can_be_made_passes_and_is_not_made(tmp_path):
    check_writable(tmp_path)
    check_writable(tmp_path / "new/below")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["file", "file/below", "link"])
def test_what_is_no_folder_is_named(tmp_path, place):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"but .* is a file"):
        check_writable(tmp_path / place)


@pytest.mark.skipif(
    getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write anywhere"
)
def test_a_folder_of_others_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="choose another folder with --out"):
        check_writable(tmp_path / "new")
