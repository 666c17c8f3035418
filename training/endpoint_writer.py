"""Have texts written by any OpenAI-compatible endpoint: many at once, within a cap on spend, each checked before it counts.

    spend = Spend(Prices(2.5, 10.0), cap_usd=5.0, log=Path("OUT.usage.jsonl"))
    counts = write_all(tasks, Path("OUT.jsonl"), Chat(base_url, model, spend), workers=8)

A task is the messages of its first request, a check that names the faults of a text, and what becomes a line of the output. A
text with faults is sent back with them, and given up after some attempts. Lines are appended as they are ready; a run that was
stopped goes on with the keys that OUT lacks. What failed is in OUT.failed.jsonl: a request that failed is tried again by the
next run, a text that stayed wrong is not, as it would be paid for again.

The key is OPENAI_API_KEY of the environment and nothing else. Retries, their back-off and the waiting that a server asks for
(Retry-After) are the openai client's own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emotionthinker.errors import EmotionThinkerError
from training.corpora import read_jsonl
from training.resumable import Progress, append_line, drop_unfinished_line, write_whole, writing

Messages = list[dict[str, Any]]  # content: text, or parts of which one may be a clip

KEY_VARIABLE, URL_VARIABLE = "OPENAI_API_KEY", "OPENAI_BASE_URL"
ATTEMPTS = 3  # texts asked for until one has no fault
FAILURES_IN_A_ROW = 10  # requests that failed with none between them that did not: the endpoint, not the rows, is at fault
CHARS_PER_TOKEN = 4.0  # of English, about
TOKENS_PER_MESSAGE = 8  # what chat templates add, at most
TOKENS_PER_CLIP = 7_500  # five minutes at 25 tokens a second, the longest that Qwen2.5-Omni hears
TYPICAL_REPLY_TOKENS = 250  # 50 to 200 words
GIVEN_UP = "given up"  # kind of a failure that the next run leaves alone


class EndpointError(EmotionThinkerError):
    """The endpoint cannot be used, or the settings for it cannot."""


class CapReached(EndpointError):
    """The next request could cost more than what is left."""


@dataclass(frozen=True)
class Prices:
    """US dollars per million tokens: read, written. 0 for a server of one's own."""

    read: float
    written: float

    def usd(self, tokens_read: float, tokens_written: float) -> float:
        """
        >>> Prices(2.5, 10.0).usd(1_000, 200)
        0.0045
        """
        return (tokens_read * self.read + tokens_written * self.written) / 1e6


class Spend:
    """What was spent on one output, over all its runs, and what may be. Safe for many threads.

    Before a request its dearest outcome is set aside, so that the cap holds however many are under way. log: JSONL that keeps
    what each request cost, None to keep nothing.
    """

    def __init__(self, prices: Prices, cap_usd: float = math.inf, log: Path | None = None) -> None:
        self.prices, self.cap_usd, self.log = prices, cap_usd, log
        self.usd = 0.0
        if log is not None and log.exists():
            drop_unfinished_line(log)
            self.usd = sum(row["usd"] for row in read_jsonl(log))
        self._aside_usd, self._under_way = 0.0, 0
        self._changed = threading.Condition()

    def set_aside(self, usd: float) -> None:
        """Wait until `usd` more fits under the cap. Raises CapReached where nothing that is under way can make room."""
        with self._changed:
            while self.usd + self._aside_usd + usd > self.cap_usd:
                if not self._under_way:
                    raise CapReached(f"{self.usd:.4f} of {self.cap_usd:g} USD are spent and the next request may cost {usd:.4f}; "
                                     "raise --max_spend and run again to go on.")
                self._changed.wait()
            self._aside_usd += usd
            self._under_way += 1

    def settle(self, aside_usd: float, entry: dict[str, Any] | None) -> None:
        """Give back what was set aside; entry: the line of the log with what was really used, None for nothing."""
        with self._changed:
            self._under_way -= 1
            self._aside_usd = self._aside_usd - aside_usd if self._under_way else 0.0
            if entry:
                self.usd += entry["usd"]
                if self.log is not None:
                    append_line(self.log, entry)
            self._changed.notify_all()


@dataclass(frozen=True)
class Reply:
    """text; complete: False where the limit of tokens cut it off."""

    text: str
    complete: bool


class Chat:
    """One model at one endpoint, for requests from many threads.

    base_url: with its version, e.g. http://127.0.0.1:8000/v1. temperature 1 and 512 tokens are the published settings.
    """

    def __init__(self, base_url: str, model: str, spend: Spend, *, temperature: float = 1.0, max_tokens: int = 512,
                 timeout_s: float = 60.0, retries: int = 5) -> None:  # fmt: skip
        import openai

        self.where, self.model, self.spend, self.max_tokens = _host(base_url), model, spend, max_tokens
        self._key = os.environ.get(KEY_VARIABLE) or ""
        self._client = openai.OpenAI(base_url=base_url, api_key=self._key or "none", timeout=timeout_s, max_retries=retries)
        self._settings: dict[str, Any] = {"model": model, "temperature": temperature, "max_tokens": max_tokens}

    def ask(self, messages: Messages, about: str) -> Reply:
        """One reply. about: named in the log of what was used. Raises CapReached, EndpointError, openai.OpenAIError."""
        aside = self.spend.prices.usd(most_tokens(messages), self.max_tokens)
        self.spend.set_aside(aside)
        entry = None
        try:
            try:
                answer = self._create(messages)
            except ValueError as error:  # no JSON, although it said so
                raise EndpointError(self.no_reply()) from error
            if not hasattr(answer, "choices"):
                raise EndpointError(self.no_reply())
            choice = answer.choices[0] if answer.choices else None
            text = (choice.message.content if choice else None) or ""
            usage = answer.usage
            read = usage.prompt_tokens if usage else round(tokens(messages))
            written = usage.completion_tokens if usage else round(len(text) / CHARS_PER_TOKEN)
            entry = {"about": about, "read": read, "written": written, "usd": self.spend.prices.usd(read, written)}
            return Reply(text, choice is not None and choice.finish_reason != "length")
        finally:
            self.spend.settle(aside, entry)

    def _create(self, messages: Messages) -> Any:
        import openai

        create = self._client.chat.completions.create
        try:
            return create(messages=messages, **self._settings)  # type: ignore[arg-type]
        except openai.BadRequestError as error:
            # Newer models take the limit under another name only.
            if "max_completion_tokens" not in str(error) or "max_tokens" not in self._settings:
                raise
            settings = {name: value for name, value in self._settings.items() if name != "max_tokens"}
            self._settings = {**settings, "max_completion_tokens": self.max_tokens}
            return create(messages=messages, **self._settings)  # type: ignore[arg-type]

    def sentence(self, error: Exception) -> str:
        """What went wrong, in one sentence without the key."""
        import openai

        if isinstance(error, openai.APIStatusError):
            status = error.status_code
            if status in (401, 403):
                return f"The endpoint {self.where} refused the key (HTTP {status}); set the right one in {KEY_VARIABLE}."
            if status == 404:
                return f"The endpoint {self.where} knows no model {self.model!r} at this address (HTTP 404); check both."
            said = " ".join(str(error.message).split())[:160]
            return f"HTTP {status} from {self.where}: {said.replace(self._key, '…') if self._key else said}"
        if isinstance(error, openai.APITimeoutError):
            return f"The endpoint {self.where} did not answer in time."
        if isinstance(error, openai.APIConnectionError):
            return f"The connection to {self.where} failed or broke off."
        return str(error) if isinstance(error, EndpointError) else self.no_reply()

    def no_reply(self) -> str:
        """The sentence for an answer that is none."""
        return f"The endpoint {self.where} sent what is no chat reply; check its address."


def hopeless(error: Exception) -> bool:
    """Whether every other request would fail as this one did."""
    import openai

    return isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError | openai.NotFoundError)


def _host(base_url: str) -> str:
    """Host and port, for people: an address may also hold a password. Raises EndpointError where there is none."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EndpointError(f"The endpoint is no http or https address; give --base_url or set {URL_VARIABLE}, for instance "
                            "to http://127.0.0.1:8000/v1.")
    return parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"


def tokens(messages: Messages) -> float:
    """About how many tokens messages are: no tokenizer of every model is at hand."""
    return sum(len(_text(m)) / CHARS_PER_TOKEN + TOKENS_PER_MESSAGE / 2 for m in messages)


def most_tokens(messages: Messages) -> int:
    """How many tokens they can be at most: a byte-level tokenizer makes no more than one of each byte."""
    clips = sum(not isinstance(m["content"], str) for m in messages)
    return sum(len(_text(m).encode()) + TOKENS_PER_MESSAGE for m in messages) + clips * TOKENS_PER_CLIP


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@dataclass(frozen=True)
class Task:
    """key: what resuming goes by. faults: what is wrong with a text, in words for its writer; [] if it is good.
    line: the output's line from a good text; its key is in it."""

    key: str
    messages: Messages
    faults: Callable[[str], list[str]]
    line: Callable[[str], dict[str, Any]]


def estimate(tasks: Sequence[Task], prices: Prices, max_tokens: int, attempts: int = ATTEMPTS) -> str:
    """What writing would cost: about, if every first text is good, and at most, if none is."""
    about = sum(prices.usd(tokens(t.messages), min(TYPICAL_REPLY_TOKENS, max_tokens)) for t in tasks)
    again = attempts * (attempts - 1) / 2  # each further request carries the texts before it
    most = sum(attempts * prices.usd(most_tokens(t.messages), max_tokens) + again * prices.usd(3 * max_tokens, 0) for t in tasks)
    read_k = sum(tokens(t.messages) for t in tasks) / 1e3
    written_k = len(tasks) * min(TYPICAL_REPLY_TOKENS, max_tokens) / 1e3
    return (f"{len(tasks)} texts: about {read_k:.1f} thousand tokens to read and {written_k:.1f} to write, about {about:.2f} USD, "
            f"at most {most:.2f} USD.")


def open_tasks(tasks: Sequence[Task], output: Path, key_field: str) -> list[Task]:
    """The tasks that `output` lacks and that were not given up before, each key once."""
    done = {row.get(key_field) for row in read_jsonl(output)} if output.exists() else set()
    failures = output.with_suffix(".failed.jsonl")
    if failures.exists():
        done |= {row.get(key_field) for row in read_jsonl(failures) if row.get("kind") == GIVEN_UP}
    return list({task.key: task for task in tasks if task.key not in done}.values())


def write_all(tasks: Sequence[Task], output: Path, chat: Chat, workers: int, *, key_field: str = "audio_path",
              attempts: int = ATTEMPTS) -> Counter[str]:  # fmt: skip
    """Write every open task; key_field: where a line of the output has its key.

    Counts: written, rewritten (of these), given_up, failed, left (not begun, or not finished, when the cap was reached).

    Raises EndpointError where the endpoint refuses all, or keeps failing: what was written by then stays.
    """
    todo = open_tasks(tasks, output, key_field)
    failures = output.with_suffix(".failed.jsonl")
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        drop_unfinished_line(output)
    if failures.exists():  # what only failed is tried again now
        kept = [row for row in read_jsonl(failures) if row["kind"] == GIVEN_UP]
        if kept:
            write_whole(failures, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))
        else:
            failures.unlink()
    counts: Counter[str] = Counter(left=len(todo))
    progress = Progress(len(todo), len(tasks) - len(todo), "texts")
    in_a_row = 0
    for task, outcome in _outcomes(todo, chat, workers, attempts):
        if isinstance(outcome, CapReached):
            continue  # counted as left
        counts["left"] -= 1
        if isinstance(outcome, Exception):
            sentence = chat.sentence(outcome)
            append_line(failures, {key_field: task.key, "kind": "failed", "reason": sentence})
            counts["failed"] += 1
            in_a_row += 1
            if hopeless(outcome) or in_a_row >= FAILURES_IN_A_ROW:
                raise EndpointError(sentence if hopeless(outcome) else
                                    f"The last {in_a_row} requests failed, so the run stops; the last said: {sentence}")
        else:
            in_a_row = 0
            text, faults, n = outcome
            if faults:
                append_line(failures, {key_field: task.key, "kind": GIVEN_UP, "reason": "; ".join(faults), "text": text})
                counts["given_up"] += 1
            else:
                append_line(output, task.line(text))
                counts["written"] += 1
                counts["rewritten"] += n > 1
        progress.show(counts["written"], counts["failed"] + counts["given_up"])
    progress.show(counts["written"], counts["failed"] + counts["given_up"], last=True)
    return counts


Outcome = tuple[str, list[str], int] | Exception  # text, its faults, attempts


def _outcomes(tasks: Sequence[Task], chat: Chat, workers: int, attempts: int) -> Iterator[tuple[Task, Outcome]]:
    """Each task's outcome as it is ready. At the cap no further one is begun."""
    waiting = iter(tasks)
    capped = False
    with ThreadPoolExecutor(workers, thread_name_prefix="writer") as pool:
        running: dict[Future[Outcome], Task] = {}
        try:
            while True:
                for task in islice(waiting, 0 if capped else workers - len(running)):
                    running[pool.submit(_write, task, chat, attempts)] = task
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    outcome = future.result()
                    capped = capped or isinstance(outcome, CapReached)
                    yield running.pop(future), outcome
        finally:
            for future in running:  # the consumer stopped: what has not begun must not be paid for
                future.cancel()


def _write(task: Task, chat: Chat, attempts: int) -> Outcome:
    import openai

    messages = list(task.messages)
    text, faults = "", ["nothing was written"]
    try:
        for attempt in range(1, attempts + 1):
            reply = chat.ask(messages, task.key)
            text = reply.text.strip()
            faults = task.faults(text) if reply.complete else ["the text was cut off, so it must be shorter"]
            if not faults:
                return text, [], attempt
            listed = "\n".join(f"- {fault}" for fault in faults)
            messages += [{"role": "assistant", "content": text or "…"},
                         {"role": "user", "content": f"Write it again. What is wrong with it:\n{listed}\nReturn the text only."}]
    except (openai.OpenAIError, EndpointError) as error:  # handed to the thread that writes the files
        return error
    return text, faults, attempts


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The settings of an endpoint, for a command that writes by one."""
    group = parser.add_argument_group("--writer openai", f"the key comes from {KEY_VARIABLE} of the environment only")
    group.add_argument("--base_url", help=f"address with its version; default: {URL_VARIABLE} of the environment")
    group.add_argument("--model", default="gpt-4o", help="the model's name there; default: gpt-4o, the published writer")
    group.add_argument("--workers", type=int, default=8, help="requests at once")
    group.add_argument("--price_in", type=float, metavar="USD", help="price of a million tokens read; 0 for your own server")
    group.add_argument("--price_out", type=float, metavar="USD", help="price of a million tokens written")
    group.add_argument("--max_spend", type=float, metavar="USD", help="stop before more than this is spent on the output, all runs "
                       "counted; needed unless both prices are 0")  # fmt: skip
    group.add_argument("--max_tokens", type=int, default=512, help="longest text")
    group.add_argument("--temperature", type=float, default=1.0)
    group.add_argument("--retries", type=int, default=5, help="further tries of a request that failed, each after a longer wait")


def prices_from(args: argparse.Namespace) -> Prices:
    """Raises EndpointError without prices, or without a cap where they are not 0."""
    if args.price_in is None or args.price_out is None or min(args.price_in, args.price_out) < 0:
        raise EndpointError("What writing costs must be known before it starts: give --price_in and --price_out in USD per "
                            "million tokens, 0 for a server of your own.")
    if args.max_spend is None and max(args.price_in, args.price_out) > 0:
        raise EndpointError("A cap is needed where tokens cost money: give --max_spend in USD.")
    if args.workers < 1:
        raise EndpointError(f"--workers is {args.workers}; give a whole number from 1.")
    return Prices(args.price_in, args.price_out)


def run(tasks: Sequence[Task], output: Path, args: argparse.Namespace, key_field: str = "audio_path") -> Counter[str]:
    """Say what it will cost, then write all tasks with the settings of `add_flags`; the counts of `write_all`.

    With --dry-run N the first N requests are printed and nothing is asked for.
    """
    prices = prices_from(args)
    todo = open_tasks(tasks, output, key_field)
    if args.dry_run is not None:
        for task in todo[: args.dry_run]:
            print(f"--- {task.key}", *(f"[{m['role']}] {_text(m)}" for m in task.messages), sep="\n", end="\n\n")
    print(estimate(todo, prices, args.max_tokens))
    if args.dry_run is not None:
        return Counter()
    output.parent.mkdir(parents=True, exist_ok=True)
    spend = Spend(prices, math.inf if args.max_spend is None else args.max_spend, log=output.with_suffix(".usage.jsonl"))
    chat = Chat(args.base_url or os.environ.get(URL_VARIABLE) or "", args.model, spend, temperature=args.temperature,
                max_tokens=args.max_tokens, retries=args.retries)  # fmt: skip
    counts = write_all(tasks, output, chat, args.workers, key_field=key_field)
    print(f"{counts['written']} texts written ({counts['rewritten']} after a correction), {counts['given_up']} given up, "
          f"{counts['failed']} failed; {spend.usd:.4f} USD spent on {output} so far")
    if counts["failed"] or counts["given_up"]:
        print(f"see {output.with_suffix('.failed.jsonl')}")
    if counts["left"]:
        raise CapReached(f"{counts['left']} texts were not written, as the next could have gone over the cap of {args.max_spend:g} "
                         "USD; raise --max_spend and run again to go on.")
    return counts
