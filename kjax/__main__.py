"""`python -m kjax script.py`: runs a Keras program on kjax."""

from kjax.cli.run import main

if __name__ == "__main__":
    main()
