"""`python -m kjax script.py`: runs a Keras program on kjax."""

from kjax.compat.runner import main

if __name__ == "__main__":
    main()
