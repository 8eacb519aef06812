"""Static files: those of the code and of the npm lock, and of them what a browser has use for."""

import os
from collections.abc import Iterator

from servestatic.middleware import ServeStaticMiddleware

SERVED = (".css", ".js", ".png", ".svg", ".woff2")
"""Endings. What lies beside such files (how they were made, maps of sources, compressed copies under their own name) is nobody's business."""


class StaticFiles(ServeStaticMiddleware):  # type: ignore[misc]
    """Gives out no folder, no file with another ending, and nothing outside of the folders of static files."""

    def add_file_to_dictionary(
        self, url: str, path: str, root: str | os.PathLike[str] | None = None, stat_cache: dict[str, os.stat_result] | None = None
    ) -> None:
        if url.endswith(SERVED):
            super().add_file_to_dictionary(url, path, root=root, stat_cache=stat_cache)

    def candidate_paths_for_url(self, url: str) -> Iterator[str]:
        """Files looked for at each request, as DEBUG has it."""
        if url.endswith(SERVED):
            yield from super().candidate_paths_for_url(url)
