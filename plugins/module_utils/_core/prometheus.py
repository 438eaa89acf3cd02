# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This module utility is private to the collection firedrill.standby: other collections must not import it.
"""The text format of Prometheus, for the textfile collector of its node exporter.

What is unknown is absent and counted, never 0: an alert on ``absent()`` sees it. Public: :func:`seconds`, :class:`Families`.
"""

from typing import Any, List, Mapping, Optional, Tuple, Union

Sample = Tuple[Mapping[str, Any], Union[int, str, None]]


def seconds(nanoseconds: Optional[int]) -> Optional[str]:
    """Nanoseconds as seconds, exactly: no float is in between. None stays None."""
    if nanoseconds is None:
        return None
    sign, size = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    return "{0}{1}.{2:09d}".format(sign, size // 10**9, size % 10**9).rstrip("0").rstrip(".")


def _escaped(value: Any) -> str:
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class Families:
    """The text as it grows, and the number of figures that are not known.

    :arg prefix: of all names. :arg labels: of all samples.
    """

    def __init__(self, prefix: str, labels: Mapping[str, Any]) -> None:
        self.lines: List[str] = []
        self.unknown = 0
        self._prefix = prefix
        self._labels = labels

    def gauge(self, name: str, text: str, *samples: Sample) -> None:
        """One family; a sample whose value is None is left out and counted, a family without samples too."""
        self.unknown += sum(1 for _labels, value in samples if value is None)
        known = [(labels, value) for labels, value in samples if value is not None]
        if known:
            full = self._prefix + name
            self.lines += ["# HELP {0} {1}".format(full, text), "# TYPE {0} gauge".format(full)]
        for labels, value in known:
            every = dict(self._labels, **labels)
            pairs = ",".join('{0}="{1}"'.format(key, _escaped(each)) for key, each in every.items())
            labelled = "{{{0}}}".format(pairs) if pairs else ""
            self.lines.append("{0}{1}{2} {3}".format(self._prefix, name, labelled, value))

    def text(self) -> str:
        """All of it, with a line end at its end."""
        return "".join(line + "\n" for line in self.lines)
