"""``python -m perceptual_edu``, and the command ``perceptual-edu``."""

import sys


def main() -> None:
    """Run the command; Ctrl-C ends it without a traceback even while it is still being imported."""
    try:
        from .cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
