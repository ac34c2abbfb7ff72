"""Takes rows of a large table evenly, by a rule without chance, so that a proof on them is the same each time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, BinaryIO

#: Multiples of this, modulo 2**32, fall evenly and with no period that data has: days, weeks, sensors in turn.
STEP = 0x9E3779B1
#: Formats whose first line names the columns.
HEADED = (".csv", ".tsv")
#: Bytes of a record; what is longer is no record.
LONGEST = 1 << 20


def run_sample(request: dict[str, Any]) -> int:
    """``{"source", "target", "share", "answer"}``: writes the sample, and how many rows it kept of how many."""
    source, target = Path(request["source"]), Path(request["target"])
    if source.suffix == ".parquet":
        kept, rows = of_parquet(source, target, request["share"])
    else:
        kept, rows = of_lines(source, target, request["share"])
    Path(request["answer"]).write_text(json.dumps({"kept": kept, "rows": rows}), encoding="utf-8")
    return 0


def taken(row: int, share: float) -> bool:
    """Whether the sample has a row, counted from 0. The first is always in it."""
    return (row * STEP) % 2**32 < share * 2**32


def of_lines(source: Path, target: Path, share: float) -> tuple[int, int]:
    """Records of a text table; one may have line ends within quotes."""
    packed = source.suffix == ".gz"
    name = source.name.removesuffix(".gz").lower()
    headed, quoted = name.endswith(HEADED), name.endswith(HEADED)
    kept = rows = 0
    with opened(source, "rb", packed) as read, opened(target, "wb", packed) as write:
        record, within = bytearray(), False
        for line in read:
            record += line
            within ^= quoted and line.count(b'"') % 2 == 1
            # a quote that nothing closes does not take the rest of the file with it
            if within and len(record) < LONGEST:
                continue
            within = False
            if headed:
                headed = False
                write.write(record)
            else:
                if taken(rows, share):
                    kept += 1
                    write.write(record)
                rows += 1
            record.clear()
        write.write(record)
    return kept, rows


def opened(path: Path, mode: str, packed: bool) -> BinaryIO:
    """A file, through gzip where it is packed; what is written packed has no time in it."""
    if not packed:
        return open(path, mode)  # type: ignore[return-value]
    return gzip.GzipFile(path, mode, mtime=0)  # type: ignore[return-value]


def of_parquet(source: Path, target: Path, share: float) -> tuple[int, int]:
    """Rows of a Parquet file, batch by batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = rows = 0
    file = pq.ParquetFile(source)
    with pq.ParquetWriter(target, file.schema_arrow) as writer:
        for batch in file.iter_batches():
            places = [at for at in range(batch.num_rows) if taken(rows + at, share)]
            rows += batch.num_rows
            kept += len(places)
            if places:
                writer.write_table(pa.Table.from_batches([batch]).take(pa.array(places)))
    return kept, rows
