"""The page of the notebook: executed when the site is built, so that its figures are today's."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

PAGE = "tour.md"
NOTEBOOK = Path("examples/tour.ipynb")


@cache
def executed(text: str) -> tuple[str, dict[str, bytes]]:
    """A notebook's text run: Markdown, and its figures by name."""
    notebook = nbformat.reads(text, as_version=4)
    with TemporaryDirectory() as folder:
        NotebookClient(notebook, resources={"metadata": {"path": folder}}).execute()
    resources = {"output_files_dir": "figures", "unique_key": NOTEBOOK.stem}
    markdown, found = MarkdownExporter().from_notebook_node(notebook, resources)
    return markdown.replace("](../docs/", "]("), found["outputs"]


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the page and its figures to the site."""
    markdown, figures = executed((Path(config.config_file_path).parent / NOTEBOOK).read_text())
    files.append(File.generated(config, PAGE, content=markdown))
    for name, image in figures.items():
        files.append(File.generated(config, name, content=image))
    return files
