"""The command ``perceptual-edu``: the library from a terminal, a module for each command.

Begin with :mod:`~perceptual_edu.cli.main`, which puts the commands together.
"""

from .main import main

__all__ = ["main"]
