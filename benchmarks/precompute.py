"""Write the scores and the item vectors of a finished teacher to files, as an LLM or an embedding API elsewhere would.

    python benchmarks/precompute.py runs/mind --out precomputed

The files: scores.parquet (sample, item_id, score; of impressions all candidates, of ordered clicks the best `--top` and
the mass of the rest) and vectors.npz (item_id, vector), for a teacher of kind `precomputed`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from distill_rec import Run
from distill_rec.data.ragged import Ragged
from distill_rec.data.scores import top_of
from distill_rec.evaluation.scorer import catalogue_scores

BLOCK = 256


def scored(run: Run, part: str, top: int) -> pl.DataFrame:
    """Scores of a part's samples, in long form."""
    frame, ids = run.samples(part), run.dataset.items["item_id"]
    place = pl.DataFrame({"item_id": ids, "item": np.arange(len(ids), dtype=np.int32)})
    scorer, out = run.teacher.scorer(), []
    for block in frame.iter_slices(BLOCK):
        history = rows_of(block, "history", place)
        if "candidates" in frame.columns:
            found = scorer.scores(history, rows_of(block, "candidates", place))
            named = block.select("sample", pl.col("candidates").alias("item_id")).explode("item_id").drop_nulls()
            out.append(named.with_columns(score=pl.Series(found)))
        else:
            best = top_of(catalogue_scores(scorer, history, len(ids)), top)
            row = np.repeat(np.arange(len(block)), best.items.lengths)
            columns = {"sample": block["sample"].gather(row), "item_id": ids.gather(best.items.values.astype(np.int64))}
            out.append(pl.DataFrame({**columns, "score": best.scores, "rest": best.rest[row]}))
    return pl.concat(out)


def rows_of(frame: pl.DataFrame, column: str, place: pl.DataFrame) -> Ragged:
    """A column of lists of ids as rows of item indices."""
    flat = frame.select(pl.col(column).alias("item_id")).explode("item_id").drop_nulls()
    values = flat.join(place, on="item_id", how="left", maintain_order="left")["item"].to_numpy()
    offsets = np.concatenate([[0], np.cumsum(frame[column].list.len().to_numpy())]).astype(np.int64)
    return Ragged(values, offsets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run with a finished teacher")
    parser.add_argument("--out", type=Path, default=Path("precomputed"), help="folder of the files")
    parser.add_argument("--top", type=int, default=50, help="items of the catalogue for each sample of ordered clicks")
    options = parser.parse_args()
    run = Run.load(options.run)
    options.out.mkdir(parents=True, exist_ok=True)
    pl.concat([scored(run, part, options.top) for part in ("train", "validation", "test")]).write_parquet(
        options.out / "scores.parquet"
    )
    vectors = np.asarray(run.teacher.knowledge.item_vectors)
    np.savez(options.out / "vectors.npz", item_id=np.array(run.teacher.item_ids), vector=vectors)


if __name__ == "__main__":
    main()
