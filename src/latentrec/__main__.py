"""The command line as `python -m latentrec`, for where its script is not on the path."""

from latentrec.cli.main import main

if __name__ == "__main__":
    main()
