"""`rtm motion`: the same recording in every kind of file gives the same repetitions; what can't be read is told in one line."""

import json
import re
from base64 import b64decode
from hashlib import sha256

import numpy as np
import pytest

from schemas.codecs import encode_line
from streams.cli import run
from tests.processors.test_motion import HZ, cut, signal
from tests.processors.test_motion_joint import limbs

T = np.arange(700) / HZ


def jsonl(path, **more):
    path.write_bytes(b"".join(encode_line(fact).rstrip(b"\n") + b"\n" for fact in cut(signal("angle"), [200, 400], **more)))
    return path


def csv(path, names, columns):
    np.savetxt(path, columns, delimiter=",", header=",".join(names), comments="")
    return path


def analysed(capsys, *arguments):
    assert run(["motion", *map(str, arguments), "--json", "--no-plot"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_events_csv_and_npz_of_one_recording_give_the_same_repetitions(tmp_path, capsys):
    angle = signal("angle")[:, 0].astype(float)
    of_events = analysed(capsys, jsonl(tmp_path / "a.jsonl"))
    of_csv = analysed(capsys, csv(tmp_path / "a.csv", ["t", "angle"], np.stack([T, angle], axis=1)))
    np.savez(tmp_path / "a.npz", angle=angle, fs=HZ)
    of_npz = analysed(capsys, tmp_path / "a.npz")
    assert len(of_events) == len(of_csv) == len(of_npz) == 5
    for rows in (of_csv, of_npz):
        assert [row["rom_deg"] for row in rows] == pytest.approx([row["rom_deg"] for row in of_events], abs=1e-3)
        assert [row["duration_s"] for row in rows] == pytest.approx([row["duration_s"] for row in of_events], abs=0.03)


def test_two_imus_in_named_columns_with_a_calibration(tmp_path, capsys):
    names = [f"{sensor}{axis}{number}" for number in (1, 2) for sensor in "ag" for axis in "xyz"]
    path = csv(tmp_path / "knee.csv", names, limbs().samples)
    (tmp_path / "axes.json").write_text(json.dumps(limbs().calibration))
    rows = analysed(capsys, path, "--rate", HZ, "--calibration", tmp_path / "axes.json")
    assert [row["rom_deg"] for row in rows] == pytest.approx([70] * 8, abs=1)
    np.savez(tmp_path / "knee.npz", sensor=limbs().samples, fs=HZ)
    assert len(analysed(capsys, tmp_path / "knee.npz", "--motion", "flexion")) == 8


def test_the_picture_holds_the_angle_the_rate_and_the_borders_and_loads_nothing(tmp_path, capsys):
    np.savez(tmp_path / "knee.npz", imu6x2=limbs().samples, fs=HZ)
    picture = tmp_path / "knee.html"
    assert run(["motion", str(tmp_path / "knee.npz"), "--plot", str(picture)]) == 0
    said = capsys.readouterr().out
    assert "8 repetitions" in said
    assert str(picture) in said
    page = picture.read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert [chart["labels"] for chart in data["charts"]] == [["final pass", "online"], ["rate"]]
    assert all(len(values) == len(data["x"]) == len(limbs().samples) for chart in data["charts"] for values in chart["values"])
    assert [rep["number"] for rep in data["reps"]] == list(range(1, 9))
    script = page[page.rindex("<script>") + len("<script>") : page.rindex("</script>")]
    digest = re.search(r"script-src 'sha256-([^']+)'", page).group(1)
    assert b64decode(digest) == sha256(script.encode()).digest()
    assert "default-src 'none'" in page
    assert not re.search(r'(?:src|href)="', page)


def test_angular_rates_are_drawn_as_they_came(tmp_path, capsys):
    np.savez(tmp_path / "w.npz", gyr3=signal("gyr3"), fs=HZ)
    assert run(["motion", str(tmp_path / "w.npz"), "--plot", str(tmp_path / "w.html")]) == 0
    assert "Angular rate" in (tmp_path / "w.html").read_text()
    assert "5 repetitions" in capsys.readouterr().out


def wrong_files(folder):
    np.savez(folder / "no-rate.npz", angle=np.zeros(50))
    np.savez(folder / "columns.npz", other=np.zeros(50), fs=50)
    np.savez(folder / "shape.npz", gyr3=np.zeros((5, 4)), fs=50)
    (folder / "broken.npz").write_bytes(b"PK\x03\x04 no")
    (folder / "text.csv").write_text("t,angle\n0,abc\n1,2\n")
    (folder / "back.csv").write_text("t,angle\n5,1\n4,2\n")
    (folder / "empty.csv").write_text("")
    (folder / "none.jsonl").write_text('{"a": 1}\n')
    (folder / "song.mp3").write_bytes(b"x")
    two = [*cut(signal("angle"), []), *cut(signal("angle"), [], session="s2")]
    (folder / "two.jsonl").write_bytes(b"".join(encode_line(fact).rstrip(b"\n") + b"\n" for fact in two))
    return {
        "no-rate.npz": "--rate",
        "columns.npz": "Wanted",
        "shape.npz": "rows of 3 numbers",
        "broken.npz": "not an npz",
        "text.csv": "column angle",
        "back.csv": "forward",
        "empty.csv": "column names",
        "none.jsonl": "no rtm.sensor.chunk.v1",
        "song.mp3": "not a kind of file",
        "two.jsonl": "--session one of: s1, s2",
    }


def test_what_cannot_be_analysed_is_told_in_one_line_with_what_to_do(tmp_path, capsys):
    for name, said in wrong_files(tmp_path).items():
        assert run(["motion", str(tmp_path / name), "--no-plot"]) == 1, name
        error = capsys.readouterr().err
        assert said in error, (name, error)
        assert error.count("\n") == 1
    assert run(["motion", str(tmp_path / "two.jsonl"), "--no-plot", "--session", "s2"]) == 0


def test_wrong_use_is_status_two(tmp_path, capsys):
    jsonl(tmp_path / "a.jsonl")
    (tmp_path / "bad.json").write_text('{"axis_proximal": [5]}')
    assert run(["motion", str(tmp_path / "nowhere.csv")]) == 2
    assert run(["motion", str(tmp_path / "a.jsonl"), "--plot", str(tmp_path / "no" / "folder.html")]) == 2
    assert run(["motion", str(tmp_path / "a.jsonl"), "--calibration", str(tmp_path / "bad.json")]) == 2
    assert "axis_proximal" in capsys.readouterr().err
