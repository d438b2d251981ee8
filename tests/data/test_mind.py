"""The odd cases of MIND's format."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from distill_rec.data import Dataset, prepare
from distill_rec.data.faults import Faults
from distill_rec.data.mind import read_behaviors, read_news
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

MIND = Path(__file__).parent.parent / "cases" / "mind"


@pytest.fixture
def news():
    return read_news(MIND / "news.tsv", Faults())


def read(news, name="behaviors.tsv"):
    faults = Faults()
    frame, _ = read_behaviors(MIND / name, news["item_id"], faults)
    return frame, faults


def two_folders(root):
    for part in ("train", "dev"):
        (root / part).mkdir()
        for name in ("news.tsv", "behaviors.tsv"):
            shutil.copy(MIND / name, root / part / name)


def test_titles_are_byte_exact_and_an_empty_abstract_is_empty(news):
    assert news["title"].to_list() == [
        '"Extra time" decides the cup final',
        "City library reopens after repairs",
        'Bakers say "flour costs double',
        "Soupe à l’oignon, the slow way",
        "Storm passes, trains run again",
    ]
    assert news["abstract"][1] == ""


def test_unknown_items_leave_histories_and_candidates_and_are_counted(news):
    frame, faults = read(news)
    assert frame["history"].to_list() == [["N1", "N2"], [], ["N4"], ["N1", "N2", "N3"], ["N5"]]
    assert frame["candidates"].to_list()[4] == ["N2"]
    found = {reason: (fault.count, fault.first) for reason, fault in faults.mended.items()}
    assert found == {
        "an unknown item in a history": (1, ["mind/behaviors.tsv:3"]),
        "a clicked candidate that is unknown": (1, ["mind/behaviors.tsv:5"]),
        "an impression with no click": (2, ["mind/behaviors.tsv:4", "mind/behaviors.tsv:5"]),
    }
    assert faults.refused == {}


def test_five_past_midnight(news):
    frame, _ = read(news)
    times = [datetime.fromtimestamp(time, UTC) for time in frame["time"].to_list()]
    assert times[2] == datetime(2019, 11, 14, 0, 5, tzinfo=UTC)
    assert times[1] == datetime(2019, 11, 13, 23, 2, 10, tzinfo=UTC)


def test_four_columns_fail_and_say_where_and_what(news):
    with pytest.raises(DataError, match=r"behaviors-four-columns\.tsv:1: expected 5 columns, found 4"):
        read(news, "behaviors-four-columns.tsv")


def test_unlabelled_candidates_are_kept_in_order(news):
    frame, _ = read(news, "behaviors-unlabelled.tsv")
    assert frame["candidates"].to_list() == [["N3", "N4", "N5"], ["N1", "N2"]]
    assert frame["labels"].to_list() == [None, None]


def test_an_impression_without_click_is_ranked_and_never_trained_on(tmp_path):
    two_folders(tmp_path)
    section = DataSection(format="mind", path="train", test="../dev", split="given")
    summary = prepare(section, tmp_path / "out", base=tmp_path)
    dataset = Dataset.load(tmp_path / "out")
    # 13 November trains, the 14th (line 3 to 5) validates, dev tests.
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (2, 3, 5)
    assert summary.mended["an impression with no click"]["count"] == 4
    assert dataset.train_clicks.tolist() == [0, 1, 1, 0, 0]
    assert dataset.items["title"][0] == '"Extra time" decides the cup final'


def test_evaluation_needs_labels_and_says_so(tmp_path):
    two_folders(tmp_path)
    shutil.copy(MIND / "behaviors-unlabelled.tsv", tmp_path / "dev" / "behaviors.tsv")
    with pytest.raises(DataError, match=r"dev/behaviors\.tsv: the file has no labels"):
        prepare(DataSection(format="mind", path="train", test="../dev"), tmp_path / "out", base=tmp_path)


def test_a_candidate_without_label_among_labelled_ones_refuses_its_row(news, tmp_path):
    text = (MIND / "behaviors.tsv").read_text().replace("N1-0 N2-1", "N1-0 N2")
    (tmp_path / "behaviors.tsv").write_text(text)
    faults = Faults()
    frame, _ = read_behaviors(tmp_path / "behaviors.tsv", news["item_id"], faults)
    assert frame["user_id"].to_list() == ["U1", "U3", "U1", "U4"]
    assert next(iter(faults.refused.values())).first == [f"{tmp_path.name}/behaviors.tsv:2"]


def test_control_characters_and_carriage_returns_break_no_row(tmp_path):
    row = "N1\tnews\tx\tA \x1c\x85 \u2028 \x0c title\t\turl\t[]\t[]"
    (tmp_path / "news.tsv").write_bytes((row + "\r\n" + row.replace("N1", "N2") + "\r\n").encode())
    news = read_news(tmp_path / "news.tsv", Faults())
    assert news["item_id"].to_list() == ["N1", "N2"]
    assert news["title"][0] == "A \x1c\x85 \u2028 \x0c title"
    assert news["abstract_entities"][1] == "[]"


def test_news_that_differ_between_two_folders_are_refused(tmp_path):
    two_folders(tmp_path)
    text = (tmp_path / "dev" / "news.tsv").read_text()
    (tmp_path / "dev" / "news.tsv").write_text(text.replace("City library", "Town library"))
    with pytest.raises(
        DataError, match=r"dev/news\.tsv:2: item 'N2' again, with another title than at train/news\.tsv:2"
    ):
        prepare(DataSection(format="mind", path="train", test="../dev", split="given"), tmp_path / "out", base=tmp_path)
    assert not (tmp_path / "out").exists()
