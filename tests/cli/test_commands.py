"""Commands: results on stdout, messages on stderr, exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Cli

from distill_rec.runtime import Student

COMMANDS = ("demo", "init", "keys", "run", "prepare", "teach", "distill", "export", "evaluate", "compare")
COMMANDS += ("rank", "recommend", "serve", "bench", "doctor", "score")


def test_help_of_every_command_has_an_example(cli: Cli) -> None:
    shown = cli("--help").stdout
    for name in COMMANDS:
        assert name in shown
    assert "Example: distill-rec rank" in cli("rank", "--help").stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json_and_an_example(name: str) -> None:
    from typer.testing import CliRunner

    from distill_rec.cli.main import app

    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout
    assert f"Example: distill-rec {name}" in shown
    assert "--json" in shown or name == "serve"  # whose logs are JSON anyway


def test_rank_prints_the_students_scores_best_first(tiny_run: Path, cli: Cli) -> None:
    done = cli("rank", tiny_run / "export/student", "--history", "1,4", "--candidates", "7,8,10", "--json")
    found = json.loads(done.stdout)
    scores = Student.load(tiny_run / "export/student").rank(history=["1", "4"], candidates=["7", "8", "10"])
    expected = dict(zip(["7", "8", "10"], scores.tolist(), strict=True))
    assert {one["id"]: one["score"] for one in found} == pytest.approx(expected)
    assert [one["score"] for one in found] == sorted(expected.values(), reverse=True)


def test_an_unknown_candidate_is_an_error_that_names_it(tiny_run: Path, cli: Cli) -> None:
    done = cli("rank", tiny_run, "--candidates", "7,nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing" in done.stderr


def test_neither_candidates_nor_a_file_is_a_usage_error(tiny_run: Path, cli: Cli) -> None:
    assert cli("rank", tiny_run).returncode == 2
    assert cli("rank").returncode == 2


def test_impressions_of_a_file_are_ranked_in_its_order_with_unknown_ones_last(
    tiny_run: Path, tmp_path: Path, cli: Cli
) -> None:
    lines = ["9\tu\t11/11/2019 9:05:58 AM\t1 4\t7 nothing 8", "2\tu\t11/11/2019 9:05:58 AM\t\t3-1 5-0"]
    (tmp_path / "behaviors.tsv").write_text("\n".join(lines) + "\n")
    done = cli("rank", tiny_run, "--behaviors", tmp_path / "behaviors.tsv")
    first, second = done.stdout.splitlines()
    student = Student.load(tiny_run / "export/student")
    a, b = student.rank(history=["1", "4"], candidates=["7", "8"])
    assert first == ("9 [1,3,2]" if a > b else "9 [2,3,1]")
    assert second.startswith("2 [")
    assert "1 unknown candidates ranked last" in done.stderr


def test_a_line_with_four_columns_is_named(tiny_run: Path, tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "behaviors.tsv").write_text("1\tu\t11/11/2019 9:05:58 AM\t3-1\n")
    done = cli("rank", tiny_run, "--behaviors", tmp_path / "behaviors.tsv")
    assert done.returncode == 1
    assert "line 1: 4 columns; expected 5 columns" in done.stderr


def test_recommend_leaves_out_what_was_seen(tiny_run: Path, cli: Cli) -> None:
    done = cli("recommend", tiny_run, "--history", "1,4,7", "-k", "5")
    found = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert len(found) == 5
    assert not {"1", "4", "7"} & set(found)
    done = cli("recommend", tiny_run, "--history", "1,4,7", "-k", "60", "--seen")
    assert {"1", "4", "7"} < {line.split("\t")[0] for line in done.stdout.splitlines()}
    done = cli("recommend", tiny_run, "--history", "1,4,7", "-k", "1000")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 57
    assert "fewer than 1,000: these are all that may be recommended, 57 items" in done.stderr


def test_compare_puts_runs_side_by_side(tiny_run: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("compare", tiny_run, tiny_run, "--out", tmp_path / "page.html", "--json")
    rows = json.loads(done.stdout)
    assert {row["model"] for row in rows} >= {"popularity", "undistilled", "student", "teacher"}
    page = (tmp_path / "page.html").read_text()
    assert "http://" not in page
    assert "https://" not in page


def test_compare_of_no_run_says_so(tmp_path: Path, cli: Cli) -> None:
    done = cli("compare", tmp_path, "--out", tmp_path / "page.html")
    assert done.returncode == 1
    assert "no run here" in done.stderr
    assert not (tmp_path / "page.html").exists()


def test_init_guesses_columns_and_its_recipe_runs(tmp_path: Path, cli: Cli, tiny_trunk: Path) -> None:
    generator = np.random.default_rng(0)
    clicks = [f"{u};{i};{1_600_000_000 + 1000 * n}" for n, (u, i) in enumerate(generator.integers(0, 30, (400, 2)))]
    (tmp_path / "clicks.csv").write_text("customer;sku;when\n" + "\n".join(clicks) + "\n")
    (tmp_path / "items.csv").write_text("sku,name,category\n" + "".join(f'{i},"Thing, {i}",cat\n' for i in range(30)))
    done = cli("init", "--clicks", "clicks.csv", "--items", "items.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "recipe.toml").read_text()
    for line in (
        'user_column = "customer"',
        'item_column = "sku"',
        'time_column = "when"',
        'text = "{name} {category}"',
    ):
        assert line in text
    assert "# column of the user's id in the clicks" in text
    done = cli("prepare", "recipe.toml", "--set", f"teacher.text.trunk={tiny_trunk}", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"]["users"] == 30
    assert cli("init", "--clicks", "clicks.csv", "--items", "items.csv", cwd=tmp_path).returncode == 1


def test_a_dry_run_writes_nothing(tiny_recipe: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("run", tiny_recipe, "--out", tmp_path / "run", "--dry-run", "--json")
    plan = json.loads(done.stdout)["stages"]
    assert [step["stage"] for step in plan] == ["prepare", "teach", "distill", "export", "evaluate"]
    assert all(step["seconds"] > 0 for step in plan)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("asked", [["run", "--dry-run"], ["run"]])
def test_layers_that_the_plm_has_not_are_refused_before_anything_is_made(
    tiny_recipe: Path, tmp_path: Path, cli: Cli, asked: list[str]
) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(tiny_recipe.read_text("utf-8").replace("table_dim = 16", 'kind = "transformer"\nlayers = 3'))
    done = cli(asked[0], recipe, *asked[1:], "--out", tmp_path / "run")
    assert done.returncode == 1 and "key student.layers: 3, and the trunk has 2 layers" in done.stderr
    assert not (tmp_path / "run" / "prepare").exists()
    examined = cli("doctor", recipe)
    assert "the trunk has 2 layers" in examined.stdout + examined.stderr


def test_a_dry_run_refuses_a_changed_setting_as_the_run_does(tiny_recipe: Path, tiny_run: Path, cli: Cli) -> None:
    changed = ("run", tiny_recipe, "--out", tiny_run, "--set", "student.dim=24")
    run, dry = cli(*changed), cli(*changed, "--dry-run")
    assert (dry.returncode, dry.stderr) == (run.returncode, run.stderr) and dry.returncode == 1
    assert "key student.dim: 24, but stage distill" in dry.stderr
    steps = json.loads(cli(*changed, "--dry-run", "--restart", "distill", "--json").stdout)["stages"]
    assert [step["state"] for step in steps] == ["finished", "finished", "to run", "to run", "to run"]


def test_a_missing_log_is_told_with_its_key_the_recipe_and_the_nearest_file(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "clicks.csv").write_text("user_id,item_id,timestamp\n")
    recipe = tmp_path / "shop.toml"
    recipe.write_text('[data]\nclicks = "clikcs.csv"\nitems = "items.csv"\n')
    for arguments in (("prepare", recipe), ("run", recipe, "--dry-run")):
        done = cli(*arguments, "--out", tmp_path / "run")
        assert done.returncode == 1
        assert f"{recipe}, key data.clicks: {tmp_path / 'clikcs.csv'}: no such file" in done.stderr
        assert f"Did you mean {tmp_path / 'clicks.csv'}?" in done.stderr


def test_an_unknown_key_is_exit_1_with_the_nearest(tiny_recipe: Path, cli: Cli) -> None:
    done = cli("run", tiny_recipe, "--set", "teacher.dimension=3")
    assert done.returncode == 1
    assert "Did you mean teacher.dim?" in done.stderr
    done = cli("run", tiny_recipe, "--set", "teacher.max_updates=3")
    assert "Did you mean teacher.optimizer.max_updates?" in done.stderr


def test_keys_tells_every_key_with_its_default(cli: Cli) -> None:
    told = {one["key"]: one for one in json.loads(cli("keys", "--json").stdout)}
    assert told["teacher.optimizer.max_updates"]["default"] is None
    assert told["export.max_loss"]["default"] == 0.01 and told["export.max_loss"]["description"]
    assert "student.loss.kl" in cli("keys", "student.loss").stdout
    assert "Did you mean teacher.optimizer?" in cli("keys", "teacher.optimiser").stderr
    (one,) = json.loads(cli("keys", "teacher.repeat_term", "--json").stdout)
    assert one["key"] == "teacher.repeat_term" and "a learned number" in one["description"]
    missing = cli("keys", "pupil")
    assert missing.returncode == 1 and "student.optimizer" in missing.stderr


def test_keys_alone_are_the_sections_a_line_each_and_a_word_finds_the_rest(cli: Cli) -> None:
    told = json.loads(cli("keys", "--json").stdout)
    *sections, _, _, _, _ = cli("keys", env={"COLUMNS": "80"}).stdout.splitlines()[1:]
    assert all(len(line) <= 80 for line in sections)
    assert sum(int(line.split()[1]) for line in sections) == len(told)  # no key is in none
    every = cli("keys", "--all").stdout
    assert all(one["key"] in every for one in told)
    begun = [one["key"] for one in json.loads(cli("keys", "teacher.opt", "--json").stdout)]
    assert "teacher.optimizer.window" in begun and all(key.startswith("teacher.optimizer.") for key in begun)
    word = cli("keys", "Temperature").stdout
    assert {"student.loss.temperature", "student.mix_temperature"} <= set(word.split())
    assert "student.schedule" in word and "teacher.model" not in word and "data.clicks" not in word


def test_a_dry_run_counts_rows_and_names_a_missing_column(tiny_recipe: Path, tmp_path: Path, cli: Cli) -> None:
    plain = "".join(f"{n % 9},{n % 7},{1_600_000_000 + n}\n" for n in range(90))
    (tmp_path / "clicks.csv").write_text("user,item_id,timestamp\n" + plain)
    (tmp_path / "items.csv").write_text("item_id,title\n" + "".join(f"{n},Thing {n}\n" for n in range(7)))
    data = 'format="table"\nclicks="clicks.csv"\nitems="items.csv"\ntext="{title}"\n'
    (tmp_path / "recipe.toml").write_text(f'name="small"\n[data]\n{data}user_column="user"\n')
    done = cli("run", tmp_path / "recipe.toml", "--dry-run")
    assert done.returncode == 0 and "90 clicks, 7 items" in done.stdout
    done = cli("run", tmp_path / "recipe.toml", "--dry-run", "--set", "data.user_column=custmer")
    assert done.returncode == 1 and "no column 'custmer'" in done.stderr and "data.user_column" in done.stderr
    found = cli("doctor", tmp_path / "recipe.toml")
    assert found.returncode == 0
    (tmp_path / "recipe.toml").write_text(f'name="small"\n[data]\n{data}user_column="custmer"\n')
    found = cli("doctor", tmp_path / "recipe.toml")
    assert found.returncode == 1 and "no column 'custmer'" in found.stdout


def test_unknown_items_of_a_history_are_told(tiny_run: Path, cli: Cli) -> None:
    done = cli("recommend", tiny_run, "--history", "1,nothing", "-k", "2")
    assert done.returncode == 0 and "unknown items of the history, left out: 1" in done.stderr
    assert not cli("recommend", tiny_run, "--history", "1", "-k", "2").stderr


def test_a_finished_export_is_pruned_and_led_to_any_version(
    tiny_recipe: Path, tiny_run: Path, tmp_path: Path, cli: Cli
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run, symlinks=True)
    for number in (1, 2):
        student = Student.load(run / "export/student")
        student.add_items({f"new {number}": "A thing"})
        student.save_catalogue()
    assert (run / "export/student").resolve().name == "3"
    for to, version in (([], "2"), (["--to", "3"], "3"), (["--to", "1"], "1")):
        done = cli("export", run, "--rollback", *to, "--json")
        assert json.loads(done.stdout)["version"] == version, done.stderr
    done = cli("export", tiny_recipe, "--out", run, "--keep", "1")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (run / "export/versions").iterdir()) == ["1", "3"]  # served, and newest
    assert cli("export", run, "--rollback").returncode == 1
    cli("export", run, "--rollback", "--to", "3")
    done = cli("export", tiny_recipe, "--out", run, "--restart", "export")
    assert "version 3 was saved with a changed catalogue" in done.stderr
