"""`python -m kjax ...`: running programs, looking at files, converting them."""
