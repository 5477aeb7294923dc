"""``python -m routine_load``: the command line."""

from routine_load.cli import main

if __name__ == "__main__":
    main()
