"""What hosts read: the Space's head, the image, the compose file; the health address; the order in which the program starts.

There is no Docker here, so the files are read and held against the tree and the program, not built.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import yaml

import app
from emotionthinker.page import health
from emotionthinker.page.engine import Engine
from emotionthinker.settings import Settings
from tests.browser.conftest import free_port
from tests.test_docs import variables_in_code

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
HEAD: dict[str, Any] = yaml.safe_load((ROOT / "README.md").read_text(encoding="utf-8").split("---")[1])
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}  # all that the Hub takes


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments) in order, with continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in text.splitlines() if line.strip()]


def of(kind: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == kind]


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for arguments in of("ENV") for pair in arguments.split())


def imported(path: Path) -> set[str]:
    """Top-level names that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_the_head_of_the_readme_makes_a_space() -> None:
    pins = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().split() if "==" in line)
    assert (HEAD["sdk"], HEAD["sdk_version"]) == ("gradio", pins["gradio"])
    assert (ROOT / HEAD["app_file"]).is_file() and HEAD["app_file"] == "app.py"
    assert tuple(map(int, HEAD["python_version"].split("."))) >= (3, 11)
    assert HEAD["colorFrom"] in COLOURS and HEAD["colorTo"] in COLOURS
    assert 0 < len(HEAD["short_description"]) <= 60
    assert HEAD["hf_oauth"] is True and HEAD["suggested_hardware"] == "cpu-basic"
    assert not any("torchvision" in name or "torchaudio" in name for name in pins)


def test_the_image_holds_all_that_the_page_imports_and_no_more_than_is_there() -> None:
    copied = [source for arguments in of("COPY") for source in arguments.split()[:-1]]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    modules = [ROOT / "app.py", *(file for name in copied for file in (ROOT / name).rglob("*.py"))]
    needed = set().union(*map(imported, modules)) & packages
    assert needed <= set(copied)
    # Folders that are reached by path: assets alone.
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored and {f"!{source}" for source in copied} == {line for line in ignored if line.startswith("!")}


def test_the_image_runs_as_a_user_without_rights_who_owns_the_data_alone() -> None:
    order = [kind for kind, _ in instructions()]
    (user,) = of("USER")
    assert user != "root" and "useradd --uid 1000" in " ".join(of("RUN")) and user in " ".join(of("RUN"))
    assert "COPY" not in order[order.index("USER"):] and not any("--chown" in arguments for arguments in of("COPY"))
    assert of("VOLUME") == ["/data"] and f"--owner={user}" in " ".join(of("RUN"))
    assert Path(image_environment()["ET_ANNOTATE_DB"]).parent == Path("/data")
    assert order.index("USER") < order.index("VOLUME")  # the folder has its owner before it becomes a volume


def test_the_image_s_settings_port_and_commands_are_those_of_the_program() -> None:
    environment = image_environment()
    # PYTHON… and PIP… belong to Python and pip.
    assert {name for name in environment if not name.startswith(("PYTHON", "PIP_"))} <= variables_in_code()
    assert of("EXPOSE") == [environment["GRADIO_SERVER_PORT"]]
    assert json.loads(of("CMD")[0]) == ["python", HEAD["app_file"]]
    (check,) = of("HEALTHCHECK")
    command = json.loads(check[check.index("["):])
    assert command == ["python", "-m", health.__name__]
    timeout = re.search(r"--timeout=(\d+)s", check)
    assert timeout and int(timeout[1]) > health.ASK_S
    assert of("FROM")[0].split(":")[0] == "python" and of("FROM")[0].split(":")[1].startswith(HEAD["python_version"])


def test_torch_is_installed_first_from_the_index_that_was_named() -> None:
    (install,) = [run for run in of("RUN") if "pip install" in run]
    assert '"$(grep \'^torch==\' requirements.txt)" && pip install -r requirements.txt' in " ".join(install.split())
    assert "TORCH_INDEX" in " ".join(of("ARG")) and not re.search(r"https?://", DOCKERFILE)


def test_the_compose_file_puts_vllm_behind_the_page() -> None:
    page, model = COMPOSE["services"]["app"], COMPOSE["services"]["vllm"]
    environment = page["environment"]
    assert set(environment) <= variables_in_code()
    assert environment["ET_ENDPOINT"] == "${ET_ENDPOINT-http://vllm:8000/v1}"
    assert environment["ET_MODEL"] == f"${{ET_MODEL-{model['command'][0]}}}"
    assert environment["ET_API_KEY"] == model["environment"]["VLLM_API_KEY"]  # one key, and none in the file
    assert environment["ET_API_KEY"].startswith("${ET_API_KEY:?")
    assert page["depends_on"] == {"vllm": {"condition": "service_healthy"}} and "test" in model["healthcheck"]
    assert "ports" not in model  # nobody but the page reaches it
    (port,) = page["ports"]
    assert port.startswith("127.0.0.1:") and port.endswith(f":{of('EXPOSE')[0]}")
    assert page["volumes"] == ["ratings:/data"] and set(COMPOSE["volumes"]) == {"ratings", "models"}
    assert page["security_opt"] == ["no-new-privileges:true"] and page["cap_drop"] == ["ALL"]
    assert json.loads(model["command"][model["command"].index("--limit-mm-per-prompt") + 1]) == {"audio": 1}
    assert not model["image"].endswith((":latest", "openai"))


def state_of(engine: Engine) -> tuple[str, str | None]:
    found = health.health(engine)
    return found["state"], found["problem"]


def test_health_tells_starting_ready_and_broken_apart(tmp_path: Path) -> None:
    engine = Engine(Settings(model=str(tmp_path / "nothing")))
    assert state_of(engine) == ("starting", None)
    engine.load_now()
    state, problem = state_of(engine)
    assert state == "broken" and problem and "nothing" in problem
    fine = Engine(Settings(endpoint="http://127.0.0.1:9/v1", model="m"))
    fine.load_now()
    assert state_of(fine) == ("ready", None)


def ask(url: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_health_answers_by_http_while_the_queue_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(Settings())  # never loaded: it stays at "starting" until the test says otherwise
    busy, release = threading.Event(), threading.Event()
    with gr.Blocks() as page:
        button = gr.Button()

        def work() -> None:
            busy.set()
            release.wait(30)

        button.click(work, None, None, api_name="work")
    page.queue(max_size=1, default_concurrency_limit=1)
    port = free_port()
    local, _ = app.launch(page, Settings(), block=False, port=port, routes=[health.health_route(engine)])
    try:
        call = urllib.request.Request(f"{local}gradio_api/call/work", data=b'{"data": []}',
                                      headers={"Content-Type": "application/json"})
        urllib.request.urlopen(call, timeout=10).close()
        assert busy.wait(20)
        assert ask(f"{local}health") == (503, {"state": "starting", "problem": None})
        monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
        assert health.main() == 1
        engine._ready.set()
        assert ask(f"{local}health") == (200, {"state": "ready", "problem": None})
        assert health.main() == 0
        engine.problem = "The weights are damaged."
        assert ask(f"{local}health") == (500, {"state": "broken", "problem": "The weights are damaged."})
        assert health.main() == 1
    finally:
        release.set()
        page.close()
    assert health.main() == 1  # nobody answers


def test_the_check_in_the_container_is_light_and_nothing_imports_torch_before_zerogpu_is_prepared() -> None:
    code = ("import sys, emotionthinker.page.health; light = {'torch', 'gradio', 'numpy'} & set(sys.modules);"
            "import app; print(sorted(light), 'torch' in sys.modules, 'spaces' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False False"
