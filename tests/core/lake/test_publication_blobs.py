"""Pictures are published some at a time: a film's own together may be more than memory."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from cinelake.lake import publication
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.lake.publication import PublishJob, make_file
from cinelake.lake.published import published_schema
from cinelake.spec.contract import Column, Contract

PICTURES = Contract(
    table="pictures",
    doc="Pictures.",
    columns=[Column("picture", pa.int32(), "Number."), Column("jpeg", pa.binary(), "The picture.")],
    key=["picture"],
)


def test_no_more_pictures_are_held_than_a_group_of_rows_has(tmp_path: Path, monkeypatch) -> None:
    lake, count, held = Lake(str(tmp_path / "lake")), 3000, []
    with lake.scratch() as scratch:
        writer = CellWriter(PICTURES, "film", scratch / "pictures.parquet")
        writer.write(PICTURES.batch("film", picture=range(count), jpeg=[bytes(20_000)] * count))
        writer.close(Footer("k", "m", {}, {}))
        lake.commit(writer, "pictures")
    fitted = publication._fitted
    monkeypatch.setattr(
        publication, "_fitted", lambda batch, schema: held.append(batch.nbytes) or fitted(batch, schema)
    )
    schema = published_schema(PICTURES, blobs=True)
    job = PublishJob(lake.storage.place, "pictures", 0, "digest", schema, ("picture",), (("film", "k"),))
    assert make_file(job).rows == count
    assert sum(held) > 60_000_000 and max(held) < publication.BYTES_PER_GROUP
