"""`python -m occupancy` is the command `occupancy`."""

from occupancy.cli import main

if __name__ == "__main__":
    main()
