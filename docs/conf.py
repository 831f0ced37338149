"""How Sphinx builds the documentation: ``sphinx-build -W -b html docs build/docs``.

Nothing is fetched while it is built or read: no inventories, fonts or scripts of other sites.
"""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("_ext")))  # our own extensions

project = "napari-hyperspectral"
author = "the napari-hyperspectral developers"
copyright = author  # noqa: A001 (Sphinx's name)
version = release = version_of("napari-hyperspectral")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
    "api_pages",
    "class_tables",
]
exclude_patterns = ["_ext"]
highlight_language = "none"  # where a block of code names none
default_role = "code"  # `name` in our docstrings

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3  # [text](page.md#heading)

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {  # shown by their names, not by what they stand for
    name: name for name in ("Array", "ArrayLike", "Axis", "Image", "Job", "NDArray", "Watch")
}
python_maximum_signature_line_length = 80
numpydoc_show_class_members = False  # autodoc lists them

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": project},
    "github_url": "https://github.com/napari-hyperspectral/napari-hyperspectral",
    "navbar_align": "left",
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
copybutton_exclude = ".linenos, .gp"
