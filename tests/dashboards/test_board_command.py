from pathlib import Path

from streams.cli import run
from streams.warehouse.connection import open_warehouse
from streams.warehouse.migrations import migrate


def test_the_command_writes_the_page_and_prints_where(asked, tmp_path, capsys):
    output = tmp_path / "of the day.html"
    assert run(["board", "--warehouse", asked.dsn, "--output", str(output)]) == 0
    assert Path(capsys.readouterr().out.strip()) == output
    assert output.read_text(encoding="utf-8") == asked.page
    assert output.stat().st_mode & 0o077 == 0
    assert [entry.name for entry in tmp_path.iterdir()] == [output.name]


def test_a_missing_warehouse_is_one_line(tmp_path, capsys):
    assert run(["board", "--warehouse", f"chdb://{tmp_path / 'none'}", "--output", str(tmp_path / "x.html")]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert not (tmp_path / "x.html").exists()


def test_a_missing_folder_is_wrong_use(asked, tmp_path, capsys):
    assert run(["board", "--warehouse", asked.dsn, "--output", str(tmp_path / "none" / "x.html")]) == 2
    assert "no folder" in capsys.readouterr().err


def test_tables_of_an_older_version_are_told_what_to_do(tmp_path, capsys):
    dsn = f"chdb://{tmp_path / 'old'}"
    with open_warehouse(dsn) as warehouse:
        migrate(warehouse)
        warehouse.command("DROP VIEW rtm.reconciliation")
    assert run(["board", "--warehouse", dsn, "--output", str(tmp_path / "x.html")]) == 1
    assert "rtm migrate" in capsys.readouterr().err
    assert run(["board", "--warehouse", dsn, "--serve", "--port", "0"]) == 1
    assert "rtm migrate" in capsys.readouterr().err
