"""One recipe a file: a function of the file's name whose signature is its command line."""
