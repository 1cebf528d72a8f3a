"""Property tests of this folder have no deadline: the machine may be busy."""

from hypothesis import settings

patient = settings(deadline=None)
