"""Folders that EP-Launch works in: its cache, the runs it names, and a record of what their results were made from."""
