"""The door to the codecs: bytes to facts and back, each with its inverse.

a line of JSON Lines       decode_line, encode_line          (`schemas.structured`)
a record in Kafka          decode_kafka, encode_kafka        (`schemas.kafka`)
a file, plain, gz or zst   read_lines, open_writer/whole     (`schemas.jsonlines`)
parts                      make_fact, derived_fact           (`schemas.envelope`)
"""

from schemas.envelope import MAX_RECORD, derived_fact, make_fact
from schemas.jsonlines import LineWriter, TruncatedFile, open_whole, open_writer, read_lines
from schemas.kafka import decode_kafka, encode_kafka
from schemas.structured import decode_envelope, decode_line, encode_line

__all__ = [
    "MAX_RECORD",
    "LineWriter",
    "TruncatedFile",
    "decode_envelope",
    "decode_kafka",
    "decode_line",
    "derived_fact",
    "encode_kafka",
    "encode_line",
    "make_fact",
    "open_whole",
    "open_writer",
    "read_lines",
]
