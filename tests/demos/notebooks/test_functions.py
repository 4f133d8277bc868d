"""The picture of the README: drawn where asked, or one clear line."""

from demos.__main__ import main


def test_draws_the_picture(tmp_path, capsys):
    path = tmp_path / "curves.png"
    assert main(["functions", "--out", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert str(path) in capsys.readouterr().out


def test_a_place_that_cannot_be_written(tmp_path, capsys):
    path = tmp_path / "no such folder" / "curves.png"
    assert main(["functions", "--out", str(path)]) == 2
    error = capsys.readouterr().err.strip()
    assert "no such folder" in error
    assert "\n" not in error
