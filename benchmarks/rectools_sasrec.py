"""SASRec of RecTools on the clicks of a run, its first hundred of each user in a file that distill-rec evaluates.

    distill-rec prepare students/static/amazon-beauty --set data.path=FOLDER --out runs/beauty
    python benchmarks/rectools_sasrec.py clicks.inter --from runs/beauty
    python -m venv RECTOOLS && RECTOOLS/bin/pip install 'rectools[torch]'
    RECTOOLS/bin/python benchmarks/rectools_sasrec.py clicks.inter --out rectools.csv
    distill-rec run students/static/amazon-beauty --set data.path=FOLDER --out runs/beauty \\
      --set 'evaluate.others=[{name = "RecTools", path = "rectools.csv"}]'

The file between the two is RecBole's of the sequence form, `user_id` and `item_id_list` in order of time, without the
test's clicks. The last of each list is the validation, as with `split = "leave-last-out"`; what comes before it trains.
`--from` writes it from prepared data, in distill-rec's environment, and trains nothing. After each epoch nDCG@10 of
validation users is measured, seen items left out; the best weights are kept, and a plateau or the limit of seconds ends
the training. That runs in an environment of its own: it needs RecTools with torch and nothing of distill-rec. Prints
one JSON object, and leaves it beside OUT.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

INSTALL = "needs RecTools in an environment of its own: pip install 'rectools[torch]'"
FIRST = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", type=Path, help="RecBole file of sequences")
    parser.add_argument("--from", dest="run", type=Path, help="write that file from this run's prepared data, no more")
    parser.add_argument("--out", type=Path, help="CSV of user_id, item_id, rank")
    parser.add_argument("--seconds", type=float, default=2400.0, help="of the clock; no epoch begins after them")
    parser.add_argument("--epochs", type=int, default=200, help="at most")
    parser.add_argument("--patience", type=int, default=3, help="epochs without a gain before it ends")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--length", type=int, default=20, help="last clicks of a history that are read")
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--validation-users", type=int, default=5000)
    parser.add_argument("--first", type=int, default=100, help="items that are written for each user")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    if args.run is not None:
        print(json.dumps(write_sequences(args.run, args.sequences)))
        return
    if args.out is None:
        parser.error("--out, or --from")
    try:
        found = measure(args)
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is missing: {INSTALL}")
    args.out.with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(json.dumps(found, indent=2))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Train, write what it recommends, tell what that took."""
    import rectools
    import torch
    from pytorch_lightning import Trainer, seed_everything
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

    torch.set_num_threads(args.threads)
    seed_everything(args.seed)
    clicks = clicks_of(args.sequences)

    def trainer() -> Trainer:
        return Trainer(
            accelerator="cpu",
            max_epochs=args.epochs,
            limit_val_batches=-(-args.validation_users // args.batch_size),
            num_sanity_val_steps=0,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            callbacks=[keeper(args)],
        )

    model = SASRecModel(
        n_factors=args.dim,
        n_heads=args.heads,
        session_max_len=args.length,
        dropout_rate=args.dropout,
        loss="softmax",
        lr=args.learning_rate,
        batch_size=args.batch_size,
        get_val_mask_func=last_of_each,
        get_trainer_func=trainer,
    )
    began, worked = time.monotonic(), time.process_time()
    dataset = Dataset.construct(clicks)
    model.fit(dataset)
    took = {"seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(time.process_time() - worked, 1)}
    watch = model.fit_trainer.callbacks[0]  # the library copies the trainer that it is given
    model.lightning_model.torch_model.load_state_dict(watch.best)
    users = clicks["user_id"].unique()
    listed = model.recommend(users, dataset, k=args.first, filter_viewed=True)
    listed[["user_id", "item_id", "rank"]].to_csv(args.out, index=False)
    settings = {key: value for key, value in vars(args).items() if not isinstance(value, Path)}
    return {
        "library": f"rectools {rectools.__version__}",
        **took,
        "epochs": len(watch.values),
        "best_epoch": watch.values.index(max(watch.values)) + 1,
        "validation_ndcg": watch.values,
        "epoch_seconds": watch.seconds,
        "stopped": watch.stopped or "epochs",
        "users": len(users),
        "settings": settings,
    }


def write_sequences(run: Path, path: Path) -> dict[str, int]:
    """Each user's training clicks in order and behind them the validation's, from a run's prepared data.

    Returns:
        How many users and clicks were written.
    """
    import numpy as np

    from distill_rec.data import Dataset
    from distill_rec.data.dataset import Queries, Sequences
    from distill_rec.files import write_text

    dataset = Dataset.load(run / "prepare")
    train, validation = dataset.train, dataset.validation
    if not isinstance(train, Sequences) or not isinstance(validation, Queries):
        sys.exit(f"{run}: impressions; it takes a log of clicks")
    users, counts = np.unique(validation.user, return_counts=True)
    if not (counts == 1).all() or not np.isin(dataset.test.user, users).all():
        sys.exit(f"{run}: not one validation click for each user of the test; prepare with data.split = leave-last-out")
    ids, names = dataset.items["item_id"].to_list(), dataset.users["user_id"].to_list()
    if odd := [one for one in (*ids, *names) if not one or set(one) & set(" \t\r\n")]:
        sys.exit(f"{run}: the id {odd[0]!r} cannot stand in a list whose items are apart by blanks")
    own = {int(user): clicks for user, clicks in zip(train.user, train.items, strict=True)}
    lines, written = ["user_id:token\titem_id_list:token_seq"], 0
    for user, target in zip(validation.user, validation.target, strict=True):
        clicks = [*own.get(int(user), []), target]
        lines.append(f"{names[int(user)]}\t{' '.join(ids[int(item)] for item in clicks)}")
        written += len(clicks)
    write_text(path, "\n".join(lines) + "\n")
    return {"users": len(users), "clicks": written}


def clicks_of(path: Path) -> pd.DataFrame:
    """Every click but the test's, a day apart, as RecTools names the columns."""
    import pandas as pd

    rows = pd.read_csv(path, sep="\t", dtype=str)
    rows.columns = [name.partition(":")[0] for name in rows.columns]
    rows = rows.dropna(subset=["item_id_list"])
    clicks = rows.assign(item_id=rows["item_id_list"].str.split(" "))[["user_id", "item_id"]]
    clicks = clicks.explode("item_id", ignore_index=True)
    place = clicks.groupby("user_id", sort=False).cumcount()
    return clicks.assign(weight=1.0, datetime=pd.Timestamp("2020-01-01") + pd.to_timedelta(place, unit="D"))


def last_of_each(interactions: pd.DataFrame) -> Any:
    """Each user's last click, which is the validation."""
    place = interactions.groupby("user_id")["datetime"].rank(method="first", ascending=False)
    return (place == 1).to_numpy()


def keeper(args: argparse.Namespace) -> Any:
    """What watches a training: nDCG@10 after each epoch, the best weights, and when to end."""
    import torch
    from pytorch_lightning import Callback

    class Keeper(Callback):
        """See `keeper`."""

        def __init__(self) -> None:
            self.began = time.monotonic()
            self.gains: list[torch.Tensor] = []
            self.values: list[float] = []
            self.seconds: list[float] = []
            self.best: dict[str, Any] = {}
            self.stopped = ""

        def on_validation_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, *_: Any) -> None:
            logits = outputs["logits"].clone()
            target = batch["y"].to(logits.device)
            own = logits.gather(1, target)
            logits.scatter_(1, batch["x"].to(logits.device), -torch.inf)
            logits[:, 0] = -torch.inf  # padding
            above = (logits > own).sum(1)
            self.gains.append(torch.where(above < FIRST, 1 / torch.log2(above + 2.0), 0.0))

        def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
            value = float(torch.cat(self.gains).mean())
            self.gains = []
            if not self.values or value > max(self.values):
                self.best = {name: tensor.clone() for name, tensor in module.torch_model.state_dict().items()}
            self.values.append(value)
            self.seconds.append(round(time.monotonic() - self.began, 1))
            print(f"epoch {len(self.values)}: {value:.4f}, {self.seconds[-1]:.0f} s", file=sys.stderr, flush=True)
            since = len(self.values) - 1 - self.values.index(max(self.values))
            if since >= args.patience:
                self.stopped = "plateau"
            elif self.seconds[-1] >= args.seconds:
                self.stopped = "seconds"
            trainer.should_stop = bool(self.stopped)

    return Keeper()


if __name__ == "__main__":
    main()
