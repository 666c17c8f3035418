"""What the command lines share: a wrong call, a refused input and an output that cannot be written are each one line."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from emotionthinker.errors import EmotionThinkerError


class OneLineParser(argparse.ArgumentParser):
    """argparse, but a wrong call gets one line and not the whole usage."""

    def error(self, message: str) -> NoReturn:
        """One line on standard error, and the end with code 2."""
        self.exit(2, f"{self.prog}: {message}; --help lists what is allowed\n")


def run_to_end(run: Callable[[], int]) -> int:
    """Run a command; gives its exit code: its own, 2 after a fault that was said in one line, 0 where the reader had enough."""
    try:
        code = run()
        sys.stdout.flush()  # a full disk behind `> FILE` shows only now
        return code
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)  # one line, also where a file name holds a line break
    except BrokenPipeError:  # whoever read the output has enough of it
        _drop_output()
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise
        _drop_output()
        print(f"The output cannot be written ({error.strerror}); make room and run it again.", file=sys.stderr)
    return 2


def _drop_output() -> None:
    """What still waits to be printed goes nowhere, else Python would try again at its end and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
