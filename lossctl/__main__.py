"""`python -m lossctl`."""

from lossctl.cli import entry

if __name__ == "__main__":
    entry()
