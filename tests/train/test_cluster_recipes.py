"""The job files in the documentation are well formed and call commands as they are."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

from caloforge.cli.app import load_verb  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def options_of(verb):
    return {name for parameter in load_verb(verb).params for name in parameter.opts}


def check_options(text):
    """Every option behind a caloforge verb is one that the verb has."""
    verb, rest = re.search(r"caloforge (train|search|generate)(.*)", text, re.DOTALL).groups()
    used = set(re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", rest))
    assert used and used <= options_of(verb)


@pytest.mark.parametrize("script", blocks("bash"))
def test_slurm_scripts_parse_and_call_what_is_there(script):
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert done.returncode == 0 and not done.stderr
    assert script.startswith("#!/bin/bash\n#SBATCH")
    check_options(script)


def test_the_kubernetes_job_parses_and_fits_together():
    (text,) = blocks("yaml")
    service, job = yaml.safe_load_all(text)
    pod = job["spec"]["template"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["subdomain"] == service["metadata"]["name"]
    (container,) = pod["spec"]["containers"]
    command = container["command"]
    assert f"--nnodes={job['spec']['completions']}" in command
    endpoint = f"--rdzv-endpoint={job['metadata']['name']}-0.{service['metadata']['name']}:29500"
    assert endpoint in command
    check_options(" ".join(command[command.index("-m") + 1 :]).replace("=", " "))
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["spec"]["volumes"]}


def test_both_pages_show_keys_that_recipes_and_searches_have():
    from caloforge.search.space import SearchSpace

    page = (PAGE.parent / "search.md").read_text()
    (shown,) = re.findall(r"```\n(recipe = .*?)```", page, re.DOTALL)
    SearchSpace.model_validate(tomllib.loads(shown))
