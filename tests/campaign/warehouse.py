"""A ClickHouse that can be killed: chDB in a process of its own, answering ClickHouse's HTTP interface, writable, on loopback.

python -m tests.campaign.warehouse FOLDER PORT
"""

import signal
import sys
import threading

from streams.warehouse.chdb_http import serve
from streams.warehouse.connection import open_warehouse


def main() -> None:
    folder, port = sys.argv[1:]
    with open_warehouse(f"chdb://{folder}") as warehouse:
        server = serve(warehouse, int(port), read_only=False)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        print(f"warehouse ready: {server.address}", flush=True)
        server.serve_forever()
        server.server_close()


if __name__ == "__main__":
    main()
