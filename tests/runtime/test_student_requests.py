"""What a service asks of a student."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from artifacts import DIM, KINDS, MAX_HISTORY, random_text, seal, write_artifact

from distill_rec.runtime import ArtifactError, DataError, Student


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("artifacts")
    return {kind: write_artifact(root / kind, kind) for kind in KINDS}


@pytest.fixture
def student(folders):
    return Student.load(folders["attention"])


@pytest.mark.parametrize("kind", KINDS)
def test_rank_recommend_and_recommend_many_give_one_score(folders, kind):
    student = Student.load(folders[kind])
    histories = [["i1", "i5"], [], ["i9"], [f"i{row}" for row in range(40)]]
    many = student.recommend_many(histories, k=15)
    for history, together in zip(histories, many, strict=True):
        alone = student.recommend(history, k=15)
        assert alone == together
        ranked = student.rank(history, [item for item, _ in alone])
        assert [score for _, score in alone] == ranked.tolist()
        assert ranked.tolist() == sorted(ranked.tolist(), reverse=True)
        assert not {item for item, _ in alone} & set(history)
        direct = student.item_vectors @ student.encode_user(history)
        seen = [int(item[1:]) for item in history]
        direct[seen] = -np.inf
        assert {item for item, _ in alone} == {f"i{row}" for row in np.argsort(-direct)[:15]}


def test_scores_stand_in_the_order_of_the_candidates(student):
    forward, back = student.rank(["i1"], ["i2", "i3", "i4"]), student.rank(["i1"], ["i4", "i3", "i2"])
    np.testing.assert_array_equal(forward, back[::-1])
    assert student.rank(["i1"], []).shape == (0,)
    np.testing.assert_array_equal(student.rank_many([(["i1"], ["i2", "i3", "i4"])])[0], forward)


def test_items_with_one_vector_tie_and_the_earlier_stands_first(student):
    scores = student.rank(["i7"], ["i4", "i1"])
    assert scores[0] == scores[1]
    order = [item for item, _ in student.recommend(["i7"], k=59)]
    assert order.index("i4") == order.index("i1") + 1


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_last_clicks_of_a_long_history_count(folders, kind):
    student = Student.load(folders[kind])
    long = [f"i{row % 60}" for row in range(200)]
    np.testing.assert_array_equal(student.encode_user(long), student.encode_user(long[-MAX_HISTORY:]))


def test_unknown_items_of_a_history_are_skipped_and_counted_or_refused(student):
    np.testing.assert_array_equal(student.encode_user(["gone", "i1", "lost"]), student.encode_user(["i1"]))
    assert student.skipped == 2
    np.testing.assert_array_equal(student.encode_user(["gone"]), student.encode_user([]))
    with pytest.raises(DataError, match="history: unknown item 'gone'"):
        student.encode_user(["i1", "gone"], unknown="refuse")
    with pytest.raises(DataError, match="'skip' or 'refuse'"):
        student.encode_user(["i1"], unknown="ignore")


def test_an_unknown_candidate_is_named(student):
    with pytest.raises(DataError, match="candidates: unknown item 'gone'"):
        student.rank(["i1"], ["i2", "gone"])
    with pytest.raises(DataError, match="only: unknown item 'gone'"):
        student.recommend(["i1"], only=["i2", "gone"])


@pytest.mark.parametrize("k", [0, -1, 61])
def test_k_out_of_range_is_refused_with_the_size_of_the_catalogue(student, k):
    for ask in (student.recommend, lambda history, k: student.recommend_many([history], k)):
        with pytest.raises(DataError, match=f"k: {k}; expected from 1 to the catalogue's 60 items"):
            ask(["i1"], k=k)


def test_fewer_than_k_where_fewer_are_left(student):
    assert len(student.recommend(["i1"], k=60)) == 59
    found = student.recommend(["i1"], k=10, only=["i1", "i2", "i3", "i5"], exclude=["i3", "gone"])
    assert {item for item, _ in found} == {"i2", "i5"}
    assert student.recommend_many([["i1"]], k=10, only=["i1", "i2", "i3", "i5"], exclude=["i3"]) == [found]
    assert student.recommend(["i1"], only=["i1"]) == []


def test_mistakes_that_would_pass_in_silence_are_refused(student):
    with pytest.raises(DataError, match=r"history: the text '150'; expected a list\. Write \['150'\]"):
        student.recommend("150")
    with pytest.raises(DataError, match=r"unknown item 1 \(of type int; ids are text\)"):
        student.recommend([1, "i2"])
    with pytest.raises(DataError, match="items: the text"):
        student.encode_items("red cat")
    with pytest.raises(DataError, match=r"fields \['name'\]; expected some of \['title', 'year'\]"):
        student.encode_items([{"name": "red cat"}])
    with pytest.raises(DataError, match="item: a value of type NoneType"):
        student.encode_items([None])


def test_fields_are_rendered_with_the_artifacts_template(student):
    fields, texts = [{"title": "red cat", "year": 1995}, {"title": "dog"}], ["red cat (1995)", "dog"]
    np.testing.assert_array_equal(student.encode_items(fields), student.encode_items(texts))
    assert student.encode_items([]).shape == (0, DIM)


def test_entities_are_read_as_training_read_them(tmp_path):
    written = ["red &amp; cat (1995)", "old &lt;dog&gt;", {"title": "red &amp;amp; cat", "year": "1995"}]
    plain = ["red & cat (1995)", "old <dog>", "red & cat (1995)"]
    folder = write_artifact(tmp_path / "artifact")
    as_it_stands = Student.load(folder)
    same = np.abs(as_it_stands.encode_items(written) - as_it_stands.encode_items(plain)).max(1)
    assert (same > 1e-3).all()  # an artifact without the key is one whose training left them
    student = Student.load(seal(folder, unescape_html=True))
    np.testing.assert_array_equal(student.encode_items(written), student.encode_items(plain))
    np.testing.assert_array_equal(student.encode_items(plain), as_it_stands.encode_items(plain))
    student.add_items(dict(zip("abc", written, strict=True)))
    np.testing.assert_array_equal(student.item_vectors[60:], student.encode_items(plain))
    assert Student.load(student.save_catalogue(tmp_path / "export"))._files.manifest.unescape_html
    with pytest.raises(ArtifactError, match="unescape_html = 'yes'; expected a value of type bool"):
        Student.load(seal(folder, unescape_html="yes"))


@pytest.mark.parametrize("kind", KINDS)
def test_added_items_are_ranked_clicked_and_replaced(folders, kind):
    student = Student.load(folders[kind])
    before = student.rank(["i1"], ["i2", "i3"])
    student.add_items({"n1": "red cat", "n2": {"title": "blue dog", "year": "2001"}, "i5": "green fish"})
    vectors = student.encode_items(["red cat", "blue dog (2001)", "green fish"])
    assert student.item_ids[-2:] == ["n1", "n2"] and student.info.items == 62
    np.testing.assert_array_equal(student.item_vectors[[60, 61, 5]], vectors)
    np.testing.assert_array_equal(student.rank(["i1"], ["i2", "i3"]), before)
    np.testing.assert_allclose(student.rank(["i1"], ["n1"])[0], vectors[0] @ student.encode_user(["i1"]), rtol=1e-5)
    clicked = student.encode_user(["n1", "n2"])
    student.add_items({"n1": "old stone"})
    assert student.info.items == 62
    assert not np.allclose(student.encode_user(["n1", "n2"]), clicked)
    assert "n2" in dict(student.recommend(["i1"], k=61))


def test_a_refused_addition_adds_nothing(student):
    for items in ({"n1": "red", "n2": None}, {"n1": "red", 2: "blue"}, ["red"]):
        with pytest.raises(DataError):
            student.add_items(items)
    assert student.info.items == 60


def test_the_catalogues_vectors_cannot_be_written_to(student):
    with pytest.raises(ValueError, match="read-only"):
        student.item_vectors[0] = 0


def test_threads_add_and_recommend_at_once(student):
    random = np.random.default_rng(0)
    texts = {f"n{row}": random_text(random) for row in range(120)}

    def add(part):
        for item in list(texts)[part::4]:
            student.add_items({item: texts[item]})

    def ask(_):
        for _ in range(60):
            found = student.recommend(["i1", "gone", "n5"], k=20)
            # Whatever the moment, ids and vectors are of one catalogue.
            user = student.encode_user(["i1"])
            assert len({item for item, _ in found}) == 20
            assert np.isfinite(user).all()

    with ThreadPoolExecutor(8) as pool:
        for done in [*[pool.submit(add, part) for part in range(4)], *[pool.submit(ask, part) for part in range(4)]]:
            done.result()
    assert sorted(student.item_ids[60:]) == sorted(texts)
    rows = [student.item_ids.index(item) for item in texts]
    np.testing.assert_allclose(
        student.item_vectors[rows], student.encode_items(list(texts.values())), rtol=1e-5, atol=1e-6
    )
    # No count is lost between threads: "gone" every time, "n5" until it was there.
    assert 240 <= student.skipped <= 480


def test_info_says_what_serves(folders):
    info = Student.load(folders["mean"]).info
    assert (info.kind, info.dim, info.items, info.folder) == ("static", DIM, 60, folders["mean"])
    assert len(info.digest) == 64
