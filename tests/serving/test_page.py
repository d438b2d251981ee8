"""The page in a real browser: headless Chromium, from the system's packages, against a running service."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from artifacts import write_artifact
from served import TOKEN, Served, add_teacher, serving, write_version

webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: pip install 'distill-rec[dev]'")
from selenium.common.exceptions import StaleElementReferenceException  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no browser: apt-get install chromium chromium-driver, to test the page"
    ),
]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
ROWS = "#{} li"
OPTION = "#options:not([hidden]) [role=option]"
CHIP = "#history li"


class Page:
    """What a user does, and what the page then shows."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def texts(self, selector: str) -> list[str]:
        return [one.text for one in self.all(selector)]

    def wait(self, holds: Callable[[], Any]) -> Any:
        return WebDriverWait(self.driver, 20, 0.05, (StaleElementReferenceException,)).until(lambda _: holds())

    def open(self, served: Served, width: int = 1200) -> None:
        self.resize(width)
        self.driver.get(f"http://localhost:{served.port}/")

    def resize(self, width: int) -> None:
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def type(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self) -> str:
        return str(
            self.driver.execute_script("const e = document.activeElement; return e.ariaLabel || e.id || e.tagName")
        )

    def items(self, model: str) -> list[str]:
        """Ids of a ranking, best first, once it is not about to change."""
        self.wait(lambda: self.all(f"#lists:not([aria-busy]) #{model} li"))
        return [str(one.get_attribute("data-id")) for one in self.all(ROWS.format(model))]

    def overflow(self) -> int:
        """Pixels by which the page is wider than the screen."""
        return int(self.driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth"))

    def add(self, text: str) -> None:
        """Search, and take the first item that is found."""
        before = len(self.all(CHIP))
        self.all("#query")[0].send_keys(text)
        self.wait(lambda: self.all(f"{OPTION}[aria-selected=true]"))
        self.type(Keys.ENTER)
        self.wait(lambda: len(self.all(CHIP)) == before + 1)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield made
    made.quit()


@pytest.fixture
def page(driver: Any) -> Iterator[Page]:
    yield Page(driver)
    # A policy that was violated, or an exception in a script, is told in the console and nowhere else.
    faults = [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]
    assert not [line for line in faults if "401" not in line and "404" not in line], faults


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    with serving(add_teacher(write_version(folder / "student")), folder / "log", token=None) as found:
        yield found


def test_items_are_searched_clicked_and_both_rankings_change(page: Page, served: Served) -> None:
    page.open(served)
    new_user = page.items("student"), page.items("teacher")
    assert [len(one) for one in new_user] == [10, 10]
    assert page.all("#empty")[0].is_displayed()
    page.all("#query")[0].send_keys("red dog")
    page.wait(lambda: page.all(OPTION))
    assert all("Red dog" in text for text in page.texts(OPTION))
    page.all(OPTION)[1].click()
    page.wait(lambda: len(page.all(CHIP)) == 1)
    page.add("green cat")
    after = page.items("student"), page.items("teacher")
    assert after[0] != new_user[0] and after[1] != new_user[1]
    history = page.driver.execute_script("return [...document.querySelectorAll('#history li span')].map(e => e.title)")
    assert ["Red dog" in history[0], "green cat" in history[1]] == [True, True]
    shared = len(set(after[0]) & set(after[1]))
    assert f"{shared} of 10 in both lists" in page.texts("#overlap")[0]
    assert len(page.all("#student li.shared")) == len(page.all("#teacher li.shared")) == shared
    assert all(text.endswith(" ms") for text in page.texts(".took"))


def test_rankings_are_the_services_own_and_items_are_shown_by_text(page: Page, served: Served) -> None:
    page.open(served)
    for model, path in (("student", "/recommend"), ("teacher", "/teacher/recommend")):
        _, expected = served.ask("POST", path, {"history": [], "k": 10})
        assert page.items(model) == [one["id"] for one in expected["items"]]
        assert all("cat" in text or "dog" in text for text in page.texts(f"#{model} .text"))


def test_everything_is_done_with_the_keyboard_alone(page: Page, served: Served) -> None:
    page.open(served)
    page.items("student")
    page.type(Keys.TAB)
    assert page.focused() == "query"
    page.type("blue cat")
    page.wait(lambda: page.all(f"{OPTION}[aria-selected=true]"))
    page.type(Keys.ARROW_DOWN)
    active = page.all("#query")[0].get_attribute("aria-activedescendant")
    assert active == "option-1" and page.all(f"#{active}")[0].get_attribute("aria-selected") == "true"
    page.type(Keys.ENTER)
    page.wait(lambda: len(page.all(CHIP)) == 1)
    assert page.focused() == "query" and not page.all(OPTION)
    page.items("student")
    page.type(Keys.TAB)
    assert page.focused().startswith("Remove BLUE cat")
    page.type(Keys.TAB)
    assert page.focused().endswith("Add to the history")
    page.type(Keys.ENTER)
    page.wait(lambda: len(page.all(CHIP)) == 2)
    page.items("student")
    page.wait(lambda: page.focused().endswith("Add to the history"))
    for _ in range(10):
        page.type(Keys.TAB)
    assert page.driver.execute_script("return document.activeElement.closest('.ranking').id") == "teacher"
    for _ in range(11):
        page.type(Keys.SHIFT, Keys.TAB)
    assert page.focused().startswith("Remove ")
    page.type(Keys.ENTER)
    page.wait(lambda: len(page.all(CHIP)) == 1)
    assert page.focused().startswith("Remove BLUE cat")
    page.type(Keys.ENTER)
    page.wait(lambda: not page.all(CHIP))
    assert page.focused() == "query"


def test_escape_and_a_search_that_finds_nothing(page: Page, served: Served) -> None:
    page.open(served)
    page.all("#query")[0].send_keys("nothing like it")
    page.wait(lambda: page.all("#options:not([hidden]) .none"))
    page.type(Keys.ENTER)
    page.type(Keys.ESCAPE)
    page.wait(lambda: page.all("#options[hidden]"))
    assert not page.all(CHIP)


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_screen(page: Page, served: Served, width: int) -> None:
    page.open(served, width)
    for text in ("red", "green", "blue"):
        page.add(text)
    page.all("#query")[0].send_keys("cat")
    page.wait(lambda: page.all(OPTION))
    assert page.overflow() <= 0
    page.type(Keys.ESCAPE)
    page.items("student")
    assert page.overflow() <= 0


def test_without_a_teacher_there_is_one_list_and_texts_are_never_markup(page: Page, tmp_path: Path) -> None:
    folder = write_version(tmp_path / "student")
    with serving(folder, tmp_path / "log", "--state", tmp_path / "state", token=None) as served:
        text = "<img src=x onerror=document.title='markup'> owl"
        assert served.ask("PUT", "/items/owl", {"text": text})[0] == 200
        page.open(served)
        page.items("student")
        assert not page.all("#teacher")[0].is_displayed()
        page.add("owl")
        page.items("student")
        assert page.texts("#history li span") == [text]
        assert page.driver.title.startswith("What comes next?")


def test_a_token_is_asked_for_and_kept_in_memory_only(page: Page, tmp_path: Path) -> None:
    with serving(write_version(tmp_path / "student"), tmp_path / "log") as served:
        page.open(served)
        page.wait(lambda: page.all("dialog[open]"))
        page.type("another", Keys.ENTER)
        page.wait(lambda: "refused" in page.texts("#ask-why")[0] and page.all("dialog[open]"))
        page.type(TOKEN, Keys.ENTER)
        assert len(page.items("student")) == 10
        kept = "return localStorage.length + sessionStorage.length + document.cookie.length"
        assert page.driver.execute_script(kept) == 0
        page.driver.refresh()
        page.wait(lambda: page.all("dialog[open]"))


def test_an_artifact_without_texts_takes_ids(page: Page, tmp_path: Path) -> None:
    with serving(write_artifact(tmp_path / "student"), tmp_path / "log", token=None) as served:
        page.open(served)
        shown = page.items("student")
        assert page.texts("#student .text") == shown
        page.all("#query")[0].send_keys("i3", Keys.ENTER)
        page.wait(lambda: page.texts("#history li span") == ["i3"])


def test_a_service_that_is_gone_is_said_and_asked_again(page: Page, tmp_path: Path) -> None:
    with serving(write_version(tmp_path / "student"), tmp_path / "log", token=None) as served:
        page.open(served)
        page.items("student")
        served.stop()
        page.all("#student li button")[0].click()
        page.wait(lambda: "does not answer" in page.texts("#alert")[0])
        page.driver.get_log("browser")  # the failed request is told there too
