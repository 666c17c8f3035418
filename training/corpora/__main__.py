"""`python -m training.corpora`: the command is in `training.corpora.command`."""

import sys

from training.corpora.command import main

sys.exit(main())
