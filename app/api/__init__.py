"""The routes, one group in a file; all of them are also the REST API."""
