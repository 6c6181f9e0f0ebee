"""The version of the package."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("newsstance")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0+unknown"
