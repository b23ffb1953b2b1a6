"""What the core may need of a table without knowing its name: declared beside the task that writes it.

    @task(writes=SHOTS, …, roles=[Shots("shot", "start_s", "end_s"), FromStills("pictures", ("image",), still_shots)])

The core asks for roles, never for tables: `cinelake.spec.task.tasks_with(Shots)`. Roles say how rows are used, not how
they are made, so they do not enter the keys of cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from cinelake.spec.components import Component

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL import Image

Stills = Literal["pictures", "patches"]
"""Kinds of labelled stills: pictures (`cinelake.labels.images`), small grey patches (`cinelake.labels.patches`)."""


@dataclass(frozen=True)
class FilmLength:
    """The table has one row a film; `column` is the film's length in seconds, null where the file does not say.

    fps, width, height: columns of its pictures a second and their size as shown; varies: of whether the time between
    pictures does. '' where the table has none.
    """

    column: str
    fps: str = ""
    width: str = ""
    height: str = ""
    varies: str = ""


@dataclass(frozen=True)
class Shots:
    """The rows are the shots of the film and cover all of it: columns of their numbers from 0, begin and end."""

    number: str
    start_s: str
    end_s: str


@dataclass(frozen=True)
class Pictures:
    """The rows are pictures of the film: columns of frame number, time, and the picture as JPEG.

    of_still(picture, params): a table of one row, the picture as the task keeps those of films. params: those in the
    footer of such a table; empty without such a table.
    """

    frame: str
    time_s: str
    jpeg: str
    of_still: Callable[[Image.Image, Mapping[str, Any]], pa.Table]


@dataclass(frozen=True)
class Vectors:
    """The rows are vectors that `cinelake search` compares: columns frame, time_s, shot and embedding.

    subject(params): what they are vectors of; only those of `pictures` can be compared with a picture in a file.
    network(params): what made them, for messages. of_text(params, text): the vector of a text beside which they can be
    compared, by the manifest's parameters; raises `UsageError` where these name no network of texts. speed: parameters
    that change how fast they are made, not which.
    """

    subject: Callable[[Mapping[str, Any]], str] = lambda _params: "pictures"
    network: Callable[[Mapping[str, Any]], str] = lambda _params: ""
    speed: tuple[str, ...] = ("batch_size", "device")
    of_text: Callable[[Any, str], Any] | None = None


@dataclass(frozen=True)
class FromStills:
    """How the table is made of labelled stills, as if they were a film of one still a second, each a shot.

    stills: the kind it is made of. reads: columns of the stills' file. columns(movie_id, stills): the table's columns,
    row n of still n; those left out are null or zero.
    """

    stills: Stills
    reads: tuple[str, ...]
    columns: Callable[[str, pa.Table], Mapping[str, Any]]


@dataclass(frozen=True)
class SearchQuestion:
    """A question in SQL. Columns of the answer: movie_id, start_s, end_s, relevance (0 to 1), what holds there.

    column: of the task's table, whose values it asks for; where all are null there is no answer. Empty: none may be.
    """

    sql: str
    parameters: Sequence[Any] | Mapping[str, Any]
    column: str = ""


@dataclass(frozen=True)
class SearchCondition:
    """A condition of `cinelake search`: the spans of films in which any of some values holds.

    name: of the condition. ask(tables, values, min_probability): the question to the lake; tables: task → its table
    there. joins: further tasks whose tables the question reads. column: holds the values that there are, so that an
    unknown one gets close matches; empty where the values are not names. check(values): raises `UsageError`.
    """

    name: str
    ask: Callable[[Mapping[str, str], Sequence[str], float], SearchQuestion]
    joins: tuple[str, ...] = ()
    column: str = ""
    check: Callable[[Sequence[str]], object] = lambda _values: None


@dataclass(frozen=True)
class Words:
    """The rows are lines that `cinelake search` finds by their words.

    kind: what a line of them is (`said`, `written`), and the option's name. text, start_s, end_s: their columns; rows
    without a text are left out.
    """

    kind: str
    text: str = "text"
    start_s: str = "start_s"
    end_s: str = "end_s"


@dataclass(frozen=True)
class Meanings:
    """The rows are lines with vectors of what they mean: columns kind (as `Words` has it), text, start_s, end_s and
    embedding.

    of_text(params, text): the vector of what is searched for, beside which they can be compared, by the manifest's
    parameters.
    """

    of_text: Callable[[Any, str], Any]


@dataclass(frozen=True)
class Components:
    """What others published that the table is made with: for the data dictionary and for cards of models.

    of(params): the components, by the parameters in a footer, or those that the plan has (what `preflight` adds too).
    """

    of: Callable[[Mapping[str, Any]], Sequence[Component]]


Role = FilmLength | Shots | Pictures | Vectors | FromStills | SearchCondition | Components | Words | Meanings
RoleT = TypeVar("RoleT", FilmLength, Shots, Pictures, Vectors, FromStills, SearchCondition, Components, Words, Meanings)
