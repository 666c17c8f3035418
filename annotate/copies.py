"""Scheduled copies of the database and its clips: to a folder, or to a private dataset repository on the Hugging Face Hub.

Off unless ET_BACKUP_TO names a place. Then the terms that raters agree to, and those that visitors give clips under, say where
copies go; nothing is copied while the database holds an answer or a clip of somebody who agreed to other terms. Each copy replaces
the one before, so what was deleted is not in the next. A server that starts without a database brings the last copy back: the own
disk of a Space is emptied at each restart.

`huggingface_hub.CommitScheduler` is not used: it is made for files that only grow, and a database changes in place.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from annotate.backup import backup
from annotate.errors import AnnotateError, StoreError
from annotate.hub import REPOSITORY, hub_errors
from annotate.roster import AGREED
from annotate.store import Store, clips_folder
from emotionthinker.errors import EmotionThinkerError

log = logging.getLogger("annotate")
COPY = "annotate.db"  # its clips lie beside it, in annotate.clips
ON_HUB = "hf://datasets/"
MINUTES = (1.0, 10_080.0)


@dataclass(frozen=True)
class CopyPlan:
    """Where copies go and how often. target: a folder, or hf://datasets/NAME/DATASET."""

    target: str
    minutes: float = 60.0

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> CopyPlan | None:
        """ET_BACKUP_TO and ET_BACKUP_MINUTES; None where the first is not set. Raises EmotionThinkerError for other values."""
        env = os.environ if env is None else env
        target, text = env.get("ET_BACKUP_TO") or "", env.get("ET_BACKUP_MINUTES") or "60"
        if not target:
            return None
        if target.startswith("hf:") and not (target.startswith(ON_HUB) and REPOSITORY.fullmatch(target.removeprefix(ON_HUB))):
            raise EmotionThinkerError(f"ET_BACKUP_TO is {target!r}, but it must be a folder or {ON_HUB}NAME/DATASET; correct it.")
        try:
            minutes = float(text)
        except ValueError:
            minutes = 0.0
        if not MINUTES[0] <= minutes <= MINUTES[1]:
            raise EmotionThinkerError(f"ET_BACKUP_MINUTES is {text!r}, but {MINUTES[0]:g} to {MINUTES[1]:g} is allowed; "
                                      "correct it.")
        return cls(target, minutes)

    @property
    def dataset(self) -> str | None:
        """NAME/DATASET on the Hub; None for a folder."""
        return self.target.removeprefix(ON_HUB) if self.target.startswith(ON_HUB) else None

    @property
    def place(self) -> str:
        """What people agree to. One folder of the host is as good as another."""
        return "a folder" if self.dataset is None else self.target

    def sentence(self, whose: str = "with your name") -> str:
        """What the terms say, for people."""
        every = f"Every {self.minutes:g} minutes, where something changed, all of it"
        if self.dataset is None:
            return f"{every} is copied to a folder that the host of this page keeps for that; a copy replaces the one before."
        return (f"{every}, {whose}, is copied to {self.dataset}, a private dataset of the host at Hugging Face. A copy replaces "
                "the one before; Hugging Face may keep parts of earlier ones until the host deletes the dataset.")


def require_agreed(path: Path, plan: CopyPlan) -> None:
    """Raises AnnotateError while the database at `path` holds something of people who did not agree to these copies.

    Programs that rate in demonstrations, and people who have withdrawn, are not asked; nor are leads, who set the project up.
    """
    with closing(sqlite3.connect(path)) as db:
        people = db.execute(
            """SELECT count(*) FROM raters r WHERE consented IS NOT NULL AND role = 'rater' AND simulated = 0 AND withdrawn IS NULL
               AND NOT EXISTS (SELECT 1 FROM events e WHERE e.rater_id = r.id AND e.kind = ?
                               AND json_extract(e.detail, '$.place') = ?)""", [AGREED, plan.place]).fetchone()[0]
        gifts = db.execute(
            """SELECT count(*) FROM donations d WHERE state IN ('waiting', 'accepted') AND NOT EXISTS (
               SELECT 1 FROM events e WHERE e.project_id = d.project_id AND e.kind = 'clip given'
               AND json_extract(e.detail, '$.donation') = d.id AND json_extract(e.detail, '$.place') = ?)""",
            [plan.place]).fetchone()[0]
    if people or gifts:
        raise AnnotateError(f"Nothing was copied, as raters ({people}) and visitors who gave a clip ({gifts}) agreed to terms "
                            f"without copies to {plan.place}; raters are asked when they come back, clips can be deleted.")


def copy_now(store: Store, plan: CopyPlan) -> None:
    """One copy, checked before it takes the place of the last. Raises AnnotateError, StoreError; then the last one stays."""
    if plan.dataset is None and (Path(plan.target).expanduser() / COPY).resolve() == store.path.resolve():
        raise StoreError("ET_BACKUP_TO is the folder of the database itself; choose another one.")
    with tempfile.TemporaryDirectory(prefix="annotate-copy-") as made:
        # On a disk of this machine: the folder may lie on storage where a database can be put and not written.
        copy = backup(store, Path(made) / COPY, clips=False)
        require_agreed(copy, plan)  # of the copy, as somebody may just now be joining
        with closing(sqlite3.connect(copy)) as db:
            clips = [store.clips / f"{sha256}.{suffix}" for sha256, suffix in db.execute("SELECT sha256, suffix FROM clips")]
        if plan.dataset is None:
            _to_folder(copy, clips, Path(plan.target).expanduser())
        else:
            _to_dataset(copy, clips, plan.dataset)


def _to_folder(copy: Path, clips: list[Path], folder: Path) -> None:
    """Clips that are there are not copied again; those that the copy does not name were deleted meanwhile, and go."""
    try:
        beside = clips_folder(folder / COPY)
        beside.mkdir(parents=True, exist_ok=True)
        for clip in clips:
            there = beside / clip.name
            if not there.is_file() or there.stat().st_size != clip.stat().st_size:
                _put(clip, there)
        _put(copy, folder / COPY)
        for path in set(beside.iterdir()) - {beside / clip.name for clip in clips}:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"The copy to {folder.name} failed ({error.strerror}); choose another place or make room.") from error


def _put(source: Path, target: Path) -> None:
    unfinished = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, unfinished)
    os.replace(unfinished, target)


def _to_dataset(copy: Path, clips: list[Path], repo_id: str) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    with hub_errors(repo_id, "the copy"):
        api = HfApi()
        api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
        if not api.repo_info(repo_id, repo_type="dataset").private:
            raise AnnotateError(f"Nothing was copied: {repo_id} is public, and a copy holds names; make it private.")
        folder = clips_folder(Path(COPY)).name
        wanted = {COPY: copy, **{f"{folder}/{clip.name}": clip for clip in clips}}
        there = api.list_repo_files(repo_id, repo_type="dataset")
        gone = [name for name in there if name.startswith(f"{folder}/") and name not in wanted]
        api.create_commit(repo_id, repo_type="dataset", commit_message="Copy", operations=[
            *(CommitOperationAdd(name, str(path)) for name, path in wanted.items()
              if name == COPY or name not in there),  # a clip is named by its content
            *(CommitOperationDelete(name) for name in gone)])
        api.super_squash_history(repo_id, repo_type="dataset", commit_message="Copy")


def bring_back(plan: CopyPlan, path: Path) -> bool:
    """Put the last copy where no database is; says whether there was one. Raises AnnotateError, StoreError."""
    if path.exists():
        return False
    with tempfile.TemporaryDirectory(prefix="annotate-copy-") as made:
        folder = Path(plan.target).expanduser() if plan.dataset is None else Path(made)
        if plan.dataset is not None:
            from huggingface_hub import HfApi, get_token
            from huggingface_hub.errors import RepositoryNotFoundError

            if get_token() is None:  # the Hub would say that there is no such dataset
                raise AnnotateError("There is no token for the Hugging Face Hub, so the last copy is out of reach; set HF_TOKEN.")
            with hub_errors(plan.dataset, "the download of the last copy"):
                api = HfApi()
                try:
                    there = api.repo_info(plan.dataset, repo_type="dataset").sha
                except RepositoryNotFoundError:  # nothing was ever copied
                    return False
                api.snapshot_download(plan.dataset, repo_type="dataset", revision=there, local_dir=made)
        if not (folder / COPY).is_file():
            return False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            clips = clips_folder(folder / COPY)
            if clips.is_dir():
                shutil.copytree(clips, clips_folder(path), dirs_exist_ok=True)
            _put(folder / COPY, path)  # last: with it the server takes all for whole
        except OSError as error:
            raise StoreError(f"The last copy could not be brought back ({error.strerror}); make room, or do it by hand.") from error
    return True


def keep_copying(store: Store, plan: CopyPlan, stop: threading.Event, wait_s: float | None = None) -> None:
    """Copy now and every so many minutes where something changed, until `stop` is set. What fails is logged and tried again.

    wait_s: for tests, in place of the plan's minutes.
    """
    copied, said = -1, ""
    while True:
        try:
            last = store.rows("SELECT coalesce(max(id), 0) FROM events")[0][0]
            if last != copied:
                copy_now(store, plan)
                copied, said = last, ""
        except EmotionThinkerError as error:
            if str(error) != said:  # once, not every hour
                log.warning("%s", error)
                said = str(error)
        except Exception as error:  # the copies must go on; no text, as it could name somebody
            log.error("A copy failed: %s", type(error).__name__)
        if stop.wait(plan.minutes * 60 if wait_s is None else wait_s):
            return


def start_copying(store: Store, plan: CopyPlan) -> threading.Event:
    """Do it in a thread that ends with the program, or when the event that this gives is set."""
    stop = threading.Event()
    threading.Thread(target=keep_copying, args=(store, plan, stop), name="copies", daemon=True).start()
    return stop
