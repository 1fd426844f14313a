"""What people do on the pages, in small steps; each waits until the page shows that it is done."""

import io
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.house import PASSWORD

LONG_MS = 120_000
SAVED = re.compile(r"saved .* v(\d+)")


PREFER = """async ([language, theme]) => {
  const csrf = (await (await fetch('/api/session')).json()).csrf;
  const answer = await fetch('/api/session', {method: 'PATCH', body: JSON.stringify({language, theme}),
    headers: {'X-CSRF-Token': csrf, 'Content-Type': 'application/json'}});
  return answer.status;
}"""
"""Sets the signed-in person's language and theme; gives the status of the answer."""


def sign_in(page: Page, username: str) -> None:
    """Through the form, to the person's own first page, in English whatever another test left them with."""
    page.goto("/login")
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector(".dfm[data-ready]", timeout=LONG_MS)
    if page.evaluate("document.documentElement.lang") != "en":
        assert page.evaluate(PREFER, ["en", "light"]) == 200
        page.reload()
        page.wait_for_selector(".dfm[data-ready]", timeout=LONG_MS)


def upload(page: Page, *files: Path, details: dict[str, str] | None = None) -> str:
    """Send files from the worklist without looking first; returns the id of the one study they make."""
    send(page, *files)
    if details is not None:
        fill_details(page, details)
    link = page.locator("section.upload a[href*='/app/study']").first
    link.wait_for(timeout=LONG_MS)
    return str(link.get_attribute("href")).split("id=")[1]


def send(page: Page, *files: Path, look_first: bool = False) -> None:
    """Choose files on the worklist; look_first: and be shown what they tell before they are kept."""
    page.locator(".picker input[name=look_first]").set_checked(look_first)
    page.locator(".picker input[type=file]").first.set_input_files([str(file) for file in files])


def fill_details(page: Page, details: dict[str, str]) -> None:
    form = page.locator("dialog.details")
    form.wait_for(timeout=LONG_MS)
    form.locator(f"input[name=kind][value={details['kind']}]").check()
    for name, value in details.items():
        if name == "sex":
            form.locator("select[name=sex]").select_option(value)
        elif name != "kind":
            form.locator(f"input[name={name}]").fill(value)
    form.locator("button[type=submit]").click()


def open_study(page: Page, study_id: str) -> None:
    """The reading room, with its picture on the screen."""
    page.goto(f"/app/study?id={study_id}")
    wait_for_room(page)


def wait_for_room(page: Page) -> None:
    """Until the picture is shown."""
    page.wait_for_selector("#viewer[data-ready]", timeout=LONG_MS)
    page.wait_for_selector(".dfm[data-ready]", timeout=LONG_MS)


def viewer(page: Page, call: str) -> Any:
    """Ask the viewer, for example `getWL()`."""
    return page.evaluate(f"document.querySelector('#viewer').__dfm.{call}")


def drag(page: Page, right: int, down: int) -> None:
    """The left button over the picture."""
    box = page.locator("#viewer canvas").first.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=6)
    page.mouse.up()


@dataclass(frozen=True)
class Exchange:
    """A question and its answer on the page."""

    page: Page
    id: str

    @property
    def card(self) -> Locator:
        return self.page.locator(f"article.exchange[data-answer='{self.id}']")

    def text(self) -> str:
        return self.card.locator(".answer-text").inner_text().strip()

    def wait_until_speaking(self, characters: int = 8) -> str:
        """Until it has begun to be written and goes on; returns what stands there."""
        expect(self.card).to_have_attribute("data-state", "running", timeout=LONG_MS)
        self.page.wait_for_function(
            "([id, n]) => document.querySelector(`article[data-answer='${id}'] .answer-text`).innerText.length >= n",
            arg=[self.id, characters],
            timeout=LONG_MS,
        )
        return self.text()

    def wait_until(self, state: str) -> str:
        """Until it has ended as `state`; returns the whole text."""
        expect(self.card).to_have_attribute("data-state", state, timeout=LONG_MS)
        return self.text()

    def kept(self) -> dict[str, Any]:
        """The answer as the server has it."""
        return get(self.page, f"/api/answers/{self.id}")


def ask(page: Page, question: str, *, beyond: bool = False) -> Exchange:
    """Type a question and press Enter; beyond: go on at the warning that follows."""
    before = page.locator("article.exchange").count()
    page.fill("textarea.question", question)
    page.press("textarea.question", "Enter")
    if beyond:
        page.click("dialog.beyond button[value=beyond]", timeout=LONG_MS)
    return _newest(page, before)


def caption(page: Page, *, beyond: bool = False) -> Exchange:
    """One click; beyond: go on at the warning that follows."""
    before = page.locator("article.exchange").count()
    page.click("[data-action=caption]")
    if beyond:
        page.click("dialog.beyond button[value=beyond]", timeout=LONG_MS)
    return _newest(page, before)


def _newest(page: Page, before: int) -> Exchange:
    expect(page.locator("article.exchange")).to_have_count(before + 1, timeout=LONG_MS)
    return Exchange(page, str(page.locator("article.exchange").last.get_attribute("data-answer")))


def draft_report(page: Page, indication: str, history: str, *, beyond: bool = False) -> None:
    """Ask for findings and impression and wait until both can be edited; beyond: go on at the warning that follows."""
    page.click("#tab-report")
    page.fill("#report-indication", indication)
    page.fill("#report-history", history)
    page.click("form.report-form button[type=submit]")
    if beyond:
        page.click("dialog.beyond button[value=beyond]", timeout=LONG_MS)
    page.wait_for_selector("[data-section=impression][contenteditable]", timeout=LONG_MS)


def section(page: Page, name: str) -> str:
    """What stands in a section of the report."""
    return page.locator(f"[data-section={name}]").inner_text().strip()


def add_to_section(page: Page, name: str, words: str) -> int:
    """Type at the end of a section, leave it, and wait until it is saved; returns the version."""
    before = _version(page)
    page.locator(f"[data-section={name}]").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(words)
    page.locator(f"[data-section={name}]").blur()
    page.wait_for_function(
        "(v) => Number((/saved .* v(\\d+)/.exec(document.querySelector('.foot-saved').innerText) ?? [])[1] ?? 0) > v",
        arg=before,
        timeout=LONG_MS,
    )
    return _version(page)


def _version(page: Page) -> int:
    found = SAVED.search(page.locator(".foot-saved").inner_text())
    return int(found.group(1)) if found else 0


def checklist(page: Page) -> list[str]:
    """The codes of the lines that are looked at before signing."""
    page.locator(".checklist .check-line").first.wait_for(timeout=LONG_MS)
    return [str(one.get_attribute("data-code")) for one in page.locator(".checklist .check-line").all()]


def sign(page: Page) -> None:
    """Every warning acknowledged, with the password."""
    page.click("[data-action=sign]")
    dialog = page.locator("dialog.signing")
    dialog.wait_for()
    for box in dialog.locator(".acknowledge input").all():
        box.check()
    dialog.locator("input[name=password]").fill(PASSWORD)
    dialog.locator("button[type=submit]").click()
    page.wait_for_selector(".signature", timeout=LONG_MS)


def add_addendum(page: Page, words: str) -> None:
    """Signed like the report, standing below it."""
    page.locator(".report-foot .button:not([data-action])").click()
    dialog = page.locator("dialog.signing")
    dialog.locator("textarea[name=text]").fill(words)
    dialog.locator("input[name=password]").fill(PASSWORD)
    dialog.locator("button[type=submit]").click()
    page.wait_for_selector(".addendum", timeout=LONG_MS)


def pdf_text(page: Page) -> str:
    """The words of the report's paper, as another program reads them."""
    address = str(page.locator("a[data-action=pdf]").get_attribute("href"))
    answer = page.request.get(address)
    assert answer.status == 200
    data = answer.body()
    assert data.startswith(b"%PDF-")
    read = subprocess.run(["pdftotext", "-layout", "-", "-"], input=data, capture_output=True, check=True)
    return read.stdout.decode()


def verify_log(page: Page) -> str:
    """What the auditor is told."""
    page.goto("/audit/")
    page.wait_for_selector(".dfm[data-ready]", timeout=LONG_MS)
    page.locator(".plain-page .button.primary").first.click()
    verdict = page.locator("[data-verdict]")
    verdict.wait_for(timeout=LONG_MS)
    return str(verdict.get_attribute("data-verdict"))


def get(page: Page, address: str) -> Any:
    """What the server says to this person."""
    answer = page.request.get(address)
    assert answer.status == 200, f"{address}: {answer.status}"
    return answer.json()


def get_text(page: Page, address: str) -> str:
    """The same, for what is not JSON."""
    answer = page.request.get(address)
    assert answer.status == 200, f"{address}: {answer.status}"
    return answer.text()


def taken_text(page: Page, address: str) -> str:
    """The same of an export, which is confirmed with the password first."""
    csrf = {"X-CSRF-Token": get(page, "/api/session")["csrf"]}
    asked = page.request.post("/api/grants", data={"target": address, "password": PASSWORD}, headers=csrf)
    assert asked.status == 201, asked.text()
    return get_text(page, address)


def confirm(page: Page) -> None:
    """The password, in the dialog that asks for it before something leaves."""
    dialog = page.locator("dialog.signing")
    dialog.locator("input[name=password]").fill(PASSWORD)
    dialog.locator("button[type=submit]").click()


def png(pixels) -> bytes:
    """Pixels as a picture without any header."""
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "PNG")
    return packed.getvalue()
