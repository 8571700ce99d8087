"""Builds the module as an external project would: against the installed mvcore."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

import mvcore

package = Path(mvcore.__file__).parent
setup(
    name="outside",
    ext_modules=cythonize(
        [Extension("outside", ["outside.pyx"], include_dirs=[mvcore.get_include()])],
        include_path=[str(package.parent)],
    ),
)
