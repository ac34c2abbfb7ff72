"""Runs cells in a real IPython kernel, one notebook, and writes it with its outputs: notebook_shown.py CELLS.json OUT.ipynb."""

import json
import sys

import nbformat
from nbclient import NotebookClient

with open(sys.argv[1], encoding="utf-8") as file:
    cells = json.load(file)
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
NotebookClient(notebook, timeout=600, kernel_name="python3", allow_errors=True).execute()
nbformat.validate(notebook)
nbformat.write(notebook, sys.argv[2])
