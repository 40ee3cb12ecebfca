"""The command `personae`, also as `python -m personae`."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; an interrupt while its modules are loaded ends it without a word."""
    try:
        from personae.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
