"""`python -m birthcert` is the same as `birthcert`."""

from birthcert.cli import main

if __name__ == "__main__":
    main()
