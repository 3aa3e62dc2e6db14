"""The small job by bytewax: `python -m tests.bench.peers.by_bytewax BOOTSTRAP TOPIC OUT FOLDER`."""

import sys
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from tests.bench.peers import job


def main() -> None:
    bootstrap, topic, out, name = sys.argv[1:]
    folder = Path(name)
    if not folder.exists():
        folder.mkdir(parents=True)
        init_db_dir(folder, 1)
    flow = Dataflow("peer")
    read = kop.input("in", flow, brokers=[bootstrap], topics=[topic])

    def keyed(message):
        return message.key.decode(), job.done(message.value, message.headers)

    def fold(days, item):
        days = {} if days is None else days
        return days, job.added(days, "", *item)

    rows = op.stateful_map("days", op.map("keyed", read.oks, keyed), fold)

    def message(item):
        patient, row = item
        return KafkaSinkMessage(patient.encode(), job.line(row | {"patient_id": patient}))

    kop.output("out", op.map("message", rows, message), brokers=[bootstrap], topic=out)
    cli_main(flow, epoch_interval=timedelta(seconds=1), recovery_config=RecoveryConfig(folder))


if __name__ == "__main__":
    main()
