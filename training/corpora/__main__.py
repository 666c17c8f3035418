import sys

from training.corpora.command import main

sys.exit(main())
