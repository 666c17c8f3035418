"""No secret is in the tree, none is needed to start, and no error prints the environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SECRET = "correct-horse-battery-staple-4711"
# Forms that the issuers publish so that leaks can be found; a private key in any form.
TOKENS = re.compile(
    rb"hf_[A-Za-z]{30,}|sk-(?:proj-|ant-)?[A-Za-z0-9_]{24,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,}|glpat-[\w-]{20,}"
    rb"|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|xox[abprs]-[\w-]{20,}|eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


def tracked() -> list[Path]:
    """The files of the project: those that git knows or would add, or all, where this is no checkout."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True,
                            check=False)
    if listed.returncode == 0:
        return [ROOT / name for name in os.fsdecode(listed.stdout).split("\0") if name]
    return [path for path in ROOT.rglob("*") if not any(part.startswith(".") or part == "__pycache__" for part in path.parts)]


def test_check_13_no_token_is_in_the_tree() -> None:
    files = [path for path in tracked() if path.is_file() and not path.is_symlink() and path.suffix != ".safetensors"]
    assert len(files) > 300
    assert [path.name for path in files if TOKENS.search(path.read_bytes())] == []
    assert [path.name for path in files if path.name in (".env", "credentials", ".netrc", ".pypirc", "id_rsa")] == []


@pytest.mark.parametrize("text", ["hf_" + "a" * 34, "sk-proj-" + "A1b2" * 8, "ghp_" + "0" * 36,
                                  "-----BEGIN RSA PRIVATE " + "KEY-----"])
def test_check_13_a_token_would_be_found(text: str) -> None:
    assert TOKENS.search(f'key = "{text}"'.encode())


def run(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command with nothing of this environment but what it takes to run, and two secrets of other programs."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    env |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "MY_DATABASE_PASSWORD": SECRET, "HF_TOKEN": SECRET, **settings}
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("command", "settings"), [
    (["app.py"], {"GRADIO_SERVER_PORT": "seventy"}),
    (["-m", "emotionthinker", "explain", "assets/examples/flat.flac", "--transcript", "the meeting"],
     {"ET_ENDPOINT": "http://user:" + SECRET + "@127.0.0.1:9/v1", "ET_API_KEY": SECRET}),
])
def test_check_13_an_error_prints_nothing_of_the_environment(command: list[str], settings: dict[str, str]) -> None:
    done = run(*command, **settings)
    assert done.returncode == 2, done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr


def test_check_13_it_starts_without_any_secret() -> None:
    """Everything that is built before the page is served, with no variable set that names a key or an account."""
    code = ("import app; from emotionthinker.settings import Settings; s = Settings.from_env(); "
            "app.build(s, Settings.second_from_env()); print(s.api_key)")
    done = run("-c", code, HF_TOKEN="", MY_DATABASE_PASSWORD="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "None"
