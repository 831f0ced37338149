"""A release is complete: its source has its tests, its page has its pictures."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

needs_sources = pytest.mark.skipif(
    not (ROOT / ".github").is_dir(), reason="the sources are not here"
)


@pytest.fixture(scope="module")
def source_archive(tmp_path_factory):
    """A source distribution."""
    folder = tmp_path_factory.mktemp("source")
    copy = folder / "clone"  # a build leaves files behind
    left_out = ("*.egg-info", "__pycache__", ".git", ".venv", ".*_cache", "build", "dist", "api")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*left_out))
    code = "from setuptools.build_meta import build_sdist; build_sdist('.')"
    subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, check=True)
    (archive,) = copy.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def source_files(source_archive):
    """The names of the files in a source distribution."""
    with tarfile.open(source_archive) as packed:
        names = packed.getnames()
    return {Path(*Path(name).parts[1:]).as_posix() for name in names}


@needs_sources
def test_the_source_distribution_has_all_tests_docs_and_scripts(source_files):
    expected = ["CHANGELOG.md", "CITATION.cff", "SECURITY.md", "constraints.txt", ".ci/run"]
    for folder in ("tests", "docs", "scripts", "benchmarks"):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        expected += [path.relative_to(ROOT).as_posix() for path in files]
    left_out = re.compile(r"__pycache__|\.pyc$|^docs/reference/api/")
    assert [
        name for name in expected if name not in source_files and not left_out.search(name)
    ] == []


@needs_sources
@pytest.mark.slow
def test_the_wheel_of_the_source_distribution_is_a_valid_plugin(source_archive, tmp_path):
    build = ["wheel", str(source_archive), "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([sys.executable, "-m", "pip", *build, "-w", str(tmp_path)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    manifest = tmp_path / "site" / "napari_hyperspectral" / "napari.yaml"
    code = "from npe2.cli import main; main()"
    validated = subprocess.run(
        [sys.executable, "-c", code, "validate", str(manifest)],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert validated.returncode == 0, validated.stdout + validated.stderr


@needs_sources
def test_jobs_with_pytest_qt_install_a_binding_of_qt():
    """Without one, not even the tests that show nothing are collected."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    for name, job in jobs.items():
        commands = " ".join(step.get("run", "") for step in job["steps"])
        if "pytest" in commands:
            assert re.search(r"pyqt6|pyside6|\[all\]", commands), name


def test_links_and_pictures_of_the_readme_lead_somewhere_from_anywhere():
    targets = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert [target for target in targets if not target.startswith("https://")] == []
    ours = re.compile(
        r"https://(?:github\.com|raw\.githubusercontent\.com)/napari-hyperspectral/napari-hyperspectral/(?:blob/)?main/(.+)"
    )
    files = [match[1] for target in targets if (match := ours.fullmatch(target))]
    assert len(files) > 10
    assert [file for file in files if not (ROOT / file).exists()] == []


@needs_sources
def test_every_python_that_is_tested_is_named():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    tested = jobs["test"]["strategy"]["matrix"]["python"]
    assert {f"Programming Language :: Python :: {python}" for python in tested} <= set(
        PROJECT["classifiers"]
    )
    assert {"others", "pyside6", "lowest", "newest"} <= set(jobs)


@needs_sources
def test_the_hooks_use_the_tested_ruff():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    (ruff,) = [hook["rev"] for hook in hooks if "ruff" in hook["repo"]]
    assert f"ruff=={ruff.removeprefix('v')}\n" in (ROOT / "constraints.txt").read_text("utf-8")


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == PROJECT["version"]
