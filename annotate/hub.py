"""Sends an export to a dataset repository on the Hugging Face Hub, once or again and again.

The token comes from HF_TOKEN or the machine's own login, as `huggingface_hub` finds it, and is never printed. A new repository is
private; what is in an existing one's `data/` is replaced. Nothing is sent while nothing has changed.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from annotate.errors import AnnotateError
from annotate.exporting import export
from annotate.records import Project
from annotate.store import Store, log_event

REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")  # as far as a mistake can be told before the Hub is asked


@contextmanager
def hub_errors(repo_id: str, doing: str) -> Iterator[None]:
    """Whatever the Hub or the way to it refuses inside becomes an AnnotateError with one sentence; the token is in none.

    doing: what is being done, such as "the push".
    """
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    try:
        yield
    except HFValidationError as error:
        raise AnnotateError(f"{repo_id!r} is no name of a repository; write NAME/DATASET.") from error
    except LocalTokenNotFoundError as error:
        raise AnnotateError("There is no token for the Hugging Face Hub; set HF_TOKEN to one that may write.") from error
    except OfflineModeIsEnabled as error:
        raise AnnotateError(f"HF_HUB_OFFLINE is set, so {doing} cannot be done; unset it.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        raise AnnotateError(f"The Hub refused {doing} ({repo_id}, {status}); check the name, and what the token may do.") from error
    except (httpx.HTTPError, OSError) as error:
        raise AnnotateError(f"The Hub was not reached for {doing} ({type(error).__name__}); try again later.") from error


def push(store: Store, project: Project, repo_id: str, *, clips: bool = False) -> str:
    """Export a project in the Hub's layout and commit it; gives the address of the commit.

    Raises AnnotateError where the Hub cannot be reached or refuses, StoreError where the export cannot be written.
    """
    from huggingface_hub import HfApi

    with tempfile.TemporaryDirectory(prefix="annotate-push-") as folder:
        export(store, project, Path(folder), "hub", clips=clips)
        with hub_errors(repo_id, "the push"):
            api = HfApi()
            api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
            commit = api.upload_folder(repo_id=repo_id, repo_type="dataset", folder_path=folder, commit_message="Ratings")
    with store.transaction() as db:
        log_event(db, "pushed", project_id=project.id, repo=repo_id)
    return str(commit.commit_url)


def push_every(store: Store, project: Project, repo_id: str, minutes: float, tell: Callable[[str], None], *, clips: bool = False,
               rounds: int | None = None) -> None:
    """Push now and every so many minutes where something changed meanwhile; a push that fails is told and tried again next time.

    rounds: stop after so many; None: never.
    """
    pushed_at = -1
    while rounds is None or rounds > 0:
        last = store.rows("SELECT coalesce(max(id), 0) FROM events WHERE project_id = ? AND kind <> 'pushed'", [project.id])[0][0]
        if last != pushed_at:
            try:
                tell(push(store, project, repo_id, clips=clips))
                pushed_at = last
            except AnnotateError as error:
                tell(str(error))
        if rounds is not None:
            rounds -= 1
        if rounds != 0:
            time.sleep(minutes * 60)
