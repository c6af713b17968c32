"""The project's own files agree: what is imported is declared, and a fact stands in one place."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

import gc_jupyter
from tests import reruns

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
HOME = PROJECT["tool"]["gc-jupyter"]["home"].rstrip("/")
#: Imported, and not declared: whoever calls that part has them.
OF_CALLERS = {
    "joblib": "joblib_backend",
    "jupyter_server": "Jupyter Server loads gc_jupyter.server",
    "prometheus_client": "Jupyter Server has it",
    "tornado": "Jupyter Server loads gc_jupyter.server",
}


def name_of(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def imported() -> dict[str, str]:
    """Modules of others that the package imports, and a file that does."""
    found = {}
    for path in Path(gc_jupyter.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            found |= {name.split(".")[0]: str(path) for name in names}
    return {
        name: path
        for name, path in found.items()
        if name not in sys.stdlib_module_names and name not in ("gc_jupyter", *OF_CALLERS)
    }


def test_what_is_imported_is_declared() -> None:
    declared = {name_of(one) for one in PROJECT["project"]["dependencies"]}
    owners = {
        key.lower(): value for key, value in importlib.metadata.packages_distributions().items()
    }
    for module, path in imported().items():
        if module == "tomli" and sys.version_info >= (3, 11):
            continue  # not installed here
        names = {name_of(one) for one in owners[module.lower()]}
        assert names & declared, f"{path} imports {module}"


def test_conda_forge_s_recipe_has_the_same_requirements() -> None:
    recipe = (ROOT / "packaging/conda-forge/recipe.yaml").read_text("utf-8")
    run = recipe.partition("\n  run:\n")[2].partition("\n\n")[0]
    listed = {line.strip("- \n").replace(" ", "") for line in run.splitlines()}
    listed.remove("python>=${{python_min}}")
    wanted = {one.partition(";")[0].replace(" ", "") for one in PROJECT["project"]["dependencies"]}
    assert listed == wanted
    assert f'  version: "{gc_jupyter.__version__}"' in recipe


@pytest.mark.skipif(not HOME, reason="the project has no public home yet")
def test_what_else_needs_the_public_home() -> None:
    """`home` of [tool.gc-jupyter] is the one place; these can't read it."""
    owner, repository = HOME.split("/")[-2:]
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"https://mybinder.org/v2/gh/{owner}/{repository}/" in readme
    assert f"repository-code: {HOME}" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"repository: {HOME}" in (ROOT / "packaging/conda-forge/recipe.yaml").read_text("utf-8")
    assert f"- {HOME}/security/advisories/new" in (ROOT / "SECURITY.md").read_text("utf-8")


def test_the_python_versions_are_said_alike() -> None:
    project = PROJECT["project"]
    classifiers = [one for one in project["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert project["requires-python"] == f">={classifiers[0].split()[-1]}"
    checked = (ROOT / ".github/workflows/check.yml").read_text("utf-8")
    for one in classifiers:
        assert f'"{one.split()[-1]}"' in checked


@pytest.mark.parametrize("page", sorted(path.name for path in ROOT.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    """Those of the pages beside the documentation; `make docs` checks its own."""
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text("utf-8")):
        assert (ROOT / target).exists(), target


def test_the_tests_that_the_documentation_names_are_there() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    missing = [
        f"{page.name}: {path} {name}"
        for page in pages
        for path, name in re.findall(
            r"`((?:tests|benchmarks)/[\w/]+\.\w+)(?:::(\w+))?`", page.read_text("utf-8")
        )
        if not (ROOT / path).exists()
        or f"def {name}" not in (ROOT / path).read_text("utf-8") + "def "
    ]
    assert missing == []


@pytest.mark.parametrize("start", reruns.MAY_RUN_AGAIN)
def test_the_tests_that_may_run_again_are_there(start: str) -> None:
    path, _, name = start.partition("::")
    files = [ROOT / path] if path.endswith(".py") else list(ROOT.glob(f"{path}*"))
    assert files
    assert all(f"def {name}" in one.read_text("utf-8") + "def " for one in files)


ARCHITECTURE = (ROOT / "docs/architecture.md").read_text("utf-8")
SOURCE = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "src/gc_jupyter").rglob("*.py"))
)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w/]+(?:\.\w+|/))`", ARCHITECTURE))))
def test_the_files_that_the_architecture_names_are_there(path: str) -> None:
    if path.endswith((".py", ".ts", "/")):
        folders = (ROOT / "src/gc_jupyter", ROOT / "labextension/src")
        assert (ROOT / path).exists() or any(any(at.rglob(path.rstrip("/"))) for at in folders)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z]\w+\.[a-z_]\w*)`", ARCHITECTURE))))
def test_the_functions_that_the_architecture_names_are_there(name: str) -> None:
    holder, _, member = name.partition(".")
    found = re.search(rf"^class {holder}\b(.*?):\n(.*?)(?=^class |\Z)", SOURCE, re.M | re.S)
    assert found is not None
    body = SOURCE if "(" in found[1] else found[2]  # a base may have it
    assert re.search(rf"^    (async )?(def )?{member}\b|self\.{member}\b", body, re.M)
