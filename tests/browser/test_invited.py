"""A rater's link on a phone, where the tab Annotate hides in a menu; and terms that have changed since they agreed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotate import roster
from tests.annotate.filling import make_store
from tests.browser.chat_server import ChatServer
from tests.browser.conftest import App


def test_a_link_opens_the_terms_that_changed_also_on_a_phone(start_app: Callable[..., App], chat: ChatServer, browser: Any,
                                                            tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 1)
    ada, token = roster.invite(store, project, "Ada")
    roster.agree(store, ada, "consented")
    copy = tmp_path / "copies" / "annotate.db"
    app = start_app(ET_ENDPOINT=chat.url, ET_MODEL="m", ET_ANNOTATE_DB=str(store.path), ET_BACKUP_TO=str(copy.parent))
    for width in (390, 1280):
        context = browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.goto(f"{app.url}#invite={token}")
        terms = page.locator("#an-root [data-screen=consent]")
        terms.wait_for(timeout=60_000)
        assert "The terms have changed" in terms.inner_text() and "copied to a folder" in terms.inner_text()
        assert terms.locator("[data-leaving]").is_visible() and token not in page.url
        if width == 1280:
            page.click("[data-agree=consented]")
            page.wait_for_selector("#an-root [data-screen=instructions]")
        context.close()
    assert roster.agreed_to_copies(store, ada.id, "a folder") and not copy.exists()  # the next one will be made in an hour
