"""The reference pages of the documentation, made from the program itself whenever the documentation is built."""
