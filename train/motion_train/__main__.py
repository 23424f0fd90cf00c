"""`python -m motion_train`, for torchrun."""

from motion_train.cli import main

if __name__ == "__main__":
    main()
