"""The Python of the runbooks' executeScript steps. Each file is a script of its own, put into the document as it is: it may import the standard
library and boto3 alone."""
