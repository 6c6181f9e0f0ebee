"""Where everything goes that a job writes whose predictions go to one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from newsstance.articles.rejects import rejects_file
from newsstance.configuration.groups import OutputConfig, OutputFormat
from newsstance.inference.manifest import STATUS
from newsstance.inference.pages import PAGES
from newsstance.writing import STDOUT, at_home, output_file, stem_of_rows


@dataclass(frozen=True)
class Places:
    """The files of a job; beside a file that the user named they go by its name, since other jobs may write there.

    Attributes:
        predictions: The file of predictions; "-" for stdout.
        summaries: The file of summaries.
        rejects: The file of rejects.
        pages: The folder of web pages.
        status: The status file.
    """

    predictions: str
    summaries: Path
    rejects: Path
    pages: Path
    status: Path

    @classmethod
    def of(cls, output: OutputConfig, folder: Path) -> Places:
        """The places that ``output`` names; the run's ``folder`` where it names none, and beside stdout.

        Raises:
            InputError: Where Parquet is asked for on stdout, or the path is a URL.
        """
        predictions = output_file(output.path, "predictions", output.format is OutputFormat.parquet, folder)
        rejects, status = rejects_file(output.path, predictions, folder), status_file(output, folder)
        path = Path(predictions)
        if output.path is None or predictions == STDOUT:
            return cls(predictions, folder / f"articles{path.suffix or '.jsonl'}", rejects, folder / PAGES, status)
        summaries = path.with_name(f"articles-{path.name}")
        return cls(predictions, summaries, rejects, path.with_name(f"{PAGES}-{stem_of_rows(path.name)}"), status)

    @property
    def files(self) -> list[Path]:
        """The files that the job replaces or removes."""
        rows = [] if self.predictions == STDOUT else [Path(self.predictions)]
        return [*rows, self.summaries, self.rejects, self.status, *self.pages.glob("*.html")]


def status_file(output: OutputConfig, folder: Path) -> Path:
    """The status file that ``output`` names; without one, that of ``folder``."""
    return Path(at_home(output.status)) if output.status else folder / STATUS
