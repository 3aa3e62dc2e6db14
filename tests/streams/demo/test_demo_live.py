"""`rtm demo --live`: the whole path on a real Kafka, from a file of events to a verified webhook."""

import orjson
import pytest
from click.testing import CliRunner

from schemas.rows import TABLES
from streams.cli.demo import demo


@pytest.mark.slow
def test_the_live_run_is_the_embedded_one_row_for_row_and_the_therapist_is_told(kafka: str, tmp_path):
    """It runs brokers of its own; `kafka` says whether there can be one, and keeps such tests apart."""
    ended = CliRunner().invoke(demo, ["--live", "--json", "--quiet", "--folder", str(tmp_path)], standalone_mode=False)
    assert ended.exception is None
    told = orjson.loads(ended.output)
    assert told["tables"].keys() == TABLES.keys() - {"alerts", "alert_deliveries", "dead_letters"}
    assert [name for name, found in told["tables"].items() if not found["equal"] or found["live"] != found["embedded"]] == []
    assert told["tables"]["reps"]["live"] > 3000
    assert told["alerts"] == {"live": 9, "log": 9}
    assert told["alerts_equal"]
    assert told["dead_letters"]["equal"]
    assert told["webhooks"]["verified"] == told["webhooks"]["received"] >= 3
    assert told["webhooks"]["transitions"] == {"opened": 9, "reopened": 1, "resolved": 4}
    assert told["seconds_to_delivery"] > 0
    assert ended.return_value == 0
