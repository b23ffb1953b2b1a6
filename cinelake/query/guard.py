"""What is a question: decided on what DuckDB itself parses, of the whole text that is executed.

No text is stripped to be looked at, so comments and quotes hide nothing. `EXPLAIN` is written anew from the parsed
SELECT. This refuses with a reason; that nothing is written is also in the connection (`cinelake.query.lake_files`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cinelake.errors import UsageError

if TYPE_CHECKING:
    import duckdb

PREFIX = "lake://"
"""What paths of the lake's files begin with, as `cinelake.query.lake_files` gives them to DuckDB."""
QUESTIONS = ("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE")
"""What DuckDB's parser makes of a question; `WITH x AS (COPY …) SELECT …` has nodes of other kinds."""
HIDING_PLACES = ("query", "json_execute_serialized_sql")
"""Functions whose argument is a statement that the parser does not see."""
FILE_FUNCTIONS = re.compile(r"glob|parquet_\w+|(read|sniff)_\w+")
"""Functions whose first argument names files."""
TABLE_FUNCTIONS = re.compile(
    rf"unnest|range|generate_series|repeat|repeat_row|summary|json_(each|tree)|{FILE_FUNCTIONS.pattern}|"
    r"(duckdb|pragma)_\w+"
)
"""Allowed in a FROM beside tables: functions that make rows, describe the database, or read files (the lake's)."""
MOST_BRACKETS = 1000
"""Brackets in each other: DuckDB refuses more, after a time that grows with their square."""
EXPLAIN_FORMATS = ("text", "json", "html", "graphviz", "yaml", "mermaid")


class LineFunctions(Protocol):
    """Functions of a FROM that give the lines in which words are: `FROM said('land of the')`."""

    @property
    def names(self) -> Collection[str]:
        """What they are called."""

    @property
    def at_once(self) -> int:
        """How many calls one question may have."""

    def table(self, connection: duckdb.DuckDBPyConnection, name: str, words: str) -> str:
        """The name of a table of the connection that holds what a function gives for these words."""


def checked(
    connection: duckdb.DuckDBPyConnection, sql: str, root: str | None = None, lines: LineFunctions | None = None
) -> str:
    """The statement to execute for a text: one question, or the EXPLAIN of one.

    root: of a lake in a folder; paths of its files become those of `LakeFiles`. lines: functions that may be called
    with words in quotes. Raises `UsageError` for whatever is not
    one question, `duckdb.Error` for a text that DuckDB does not parse.
    """
    _check_text(sql)
    try:
        return _checked(connection, sql, root, lines)
    except RecursionError as error:
        raise UsageError("the question nests too deep to be looked through: give its parts names in a WITH") from error


def _check_text(sql: str) -> None:
    """Raise `UsageError` for a text that DuckDB's parser takes no longer, or minutes over only to refuse it."""
    if not_text := re.search("[\ud800-\udfff]", sql):
        raise UsageError(f"the question is no text: character {not_text.start() + 1} is {not_text[0]!a}")
    if len(sql) < MOST_BRACKETS:
        return
    depth = deepest = 0
    for _, word in _tokens(sql):
        depth += word.count("(") + word.count("[") - word.count(")") - word.count("]") if len(word) == 1 else 0
        deepest = max(deepest, depth)
    if deepest > MOST_BRACKETS:
        raise UsageError(f"a question has at most {MOST_BRACKETS} brackets in each other, received {deepest}")


def _checked(connection: duckdb.DuckDBPyConnection, sql: str, root: str | None, lines: LineFunctions | None) -> str:
    import duckdb

    statements = connection.extract_statements(sql)
    kinds = [statement.type for statement in statements]
    if kinds == [duckdb.StatementType.EXPLAIN]:
        words, question = _split_explain(statements[0].query)
        names = lines.names if lines else ()
        tree = _parsed(connection, _with_lake_paths(connection, question, root, names), names)
        _put_lines(connection, tree, lines)
        return f"EXPLAIN {words}{_rebuilt(connection, tree)}"
    if kinds != [duckdb.StatementType.SELECT]:
        received = ", ".join(str(kind).rsplit(".", 1)[-1] for kind in kinds) or "nothing"
        raise UsageError(f"one SELECT (or WITH, DESCRIBE, SUMMARIZE, EXPLAIN) is answered, received {received}")
    text = _with_lake_paths(connection, statements[0].query, root, lines.names if lines else ())
    if lines is None:
        return text
    tree = _parsed(connection, text, lines.names)
    return _rebuilt(connection, tree) if _put_lines(connection, tree, lines) else text


def _rebuilt(connection: duckdb.DuckDBPyConnection, tree: dict[str, Any]) -> str:
    ((rebuilt,),) = connection.execute("SELECT json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
    return str(rebuilt)


def _put_lines(connection: duckdb.DuckDBPyConnection, tree: dict[str, Any], lines: LineFunctions | None) -> int:
    """Put tables in the place of calls of functions of lines; returns how many. Raises `UsageError`."""
    if lines is None:
        return 0
    found = [node for node in _nodes(tree) if _function(node) in lines.names]
    if len(found) > lines.at_once:
        raise UsageError(f"a question has at most {lines.at_once} of {', '.join(lines.names)}, received {len(found)}")
    for node in found:
        name = _function(node)
        given = [argument["expression"] for argument in node["function"]["arguments"]]
        words = [each["literal"]["text"] for each in given if each["type"] == "VALUE_CONSTANT"
                 and each["literal"].get("kind") == "STRING"]  # fmt: skip
        if len(given) != 1 or len(words) != 1:
            raise UsageError(f"{name}() takes words in quotes, as in {name}('land of the')")
        table = {"type": "BASE_TABLE", "alias": node["alias"] or name, "sample": node["sample"], "schema_name": "",
                 "query_location": node["query_location"], "table_name": lines.table(connection, name, words[0]),
                 "column_name_alias": node["column_name_alias"], "catalog_name": "", "at_clause": None}  # fmt: skip
        node.clear()
        node.update(table)
    return len(found)


def _function(node: dict[str, Any]) -> str:
    """The name of the function that a node of a FROM calls; '' for other nodes."""
    return str(node["function"].get("function_name", "")) if node.get("type") == "TABLE_FUNCTION" else ""


def _split_explain(sql: str) -> tuple[str, str]:
    """The words of an EXPLAIN, written anew, and the text behind them, which is yet to be parsed."""
    tokens = _tokens(sql)
    position, analyze, chosen = 1, False, ""
    if tokens[position:] and tokens[position][1] == "analyze":
        position, analyze = position + 1, True
    elif [word for _, word in tokens[position : position + 2]] in (["(", "analyze"], ["(", "format"]):
        end = next((at for at, (_, word) in enumerate(tokens) if word == ")"), len(tokens))
        for option in " ".join(word for _, word in tokens[position + 1 : end]).split(","):
            name, _, value = option.strip().partition(" ")
            if (name, value) == ("analyze", ""):
                analyze = True
            elif name == "format" and value in EXPLAIN_FORMATS:
                chosen = f"FORMAT {value}"
            else:
                known = ", ".join(EXPLAIN_FORMATS)
                raise UsageError(f"EXPLAIN takes ANALYZE and FORMAT with one of {known}. Received: {option.strip()!r}")
        position = end + 1
    if position >= len(tokens) or tokens[0][1] != "explain":
        raise UsageError("EXPLAIN is answered for one SELECT, received something else")
    if chosen:
        return f"({'ANALYZE, ' if analyze else ''}{chosen}) ", sql[tokens[position][0] :]
    return "ANALYZE " if analyze else "", sql[tokens[position][0] :]


def _tokens(sql: str) -> list[tuple[int, str]]:
    """Position and lower-case word of each token of DuckDB's lexer, without comments and without quotes around words.

    The lexer counts bytes and knows no space of Unicode, which the parser takes for a space.
    """
    import duckdb

    plain = "".join(char if char.isascii() else " " if char.isspace() else "_" for char in sql)
    found = duckdb.tokenize(plain)
    ends = [start for start, _ in found[1:]] + [len(plain)]
    return [
        (start, plain[start:end].strip().strip("\"'").lower())
        for (start, kind), end in zip(found, ends, strict=True)
        if kind != duckdb.token_type.comment
    ]


def _parsed(connection: duckdb.DuckDBPyConnection, sql: str, functions: Collection[str] = ()) -> dict[str, Any]:
    """DuckDB's tree of one question. functions: further ones of a FROM that it may call.

    Raises `UsageError` for any other text, and for what a question may not hold.
    """
    ((text,),) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    parsed: dict[str, Any] = json.loads(text)
    if parsed.get("error") or len(parsed["statements"]) != 1:
        raise UsageError(f"only questions are answered: {parsed.get('error_message', 'one at a time')}")
    for node in _nodes(parsed):
        kind = str(node.get("type", ""))
        if kind.endswith("_NODE") and kind not in QUESTIONS:
            raise UsageError(f"only questions are answered, received {kind.split('_')[0]} inside one")
        if node.get("function_name") in HIDING_PLACES:
            raise UsageError(f"{node['function_name']}() is not answered: ask the question itself")
        function = _function(node) if kind == "TABLE_FUNCTION" else "unnest"
        if not TABLE_FUNCTIONS.fullmatch(function) and function not in (*HIDING_PLACES, *functions):
            known = ", ".join(["unnest", "range", *(f"{name}('words')" for name in functions)])
            raise UsageError(f"{function}() is no part of a question: tables are, {known}, and files of the lake")
    return parsed


def _with_lake_paths(
    connection: duckdb.DuckDBPyConnection, sql: str, root: str | None, functions: Collection[str]
) -> str:
    """The question, checked, with the paths of the lake's files as `LakeFiles` has them."""
    parsed = _parsed(connection, sql, functions)
    if root is None:
        return sql
    text = sql.encode()
    for start, path in sorted(_paths(parsed), reverse=True):
        inside = _path_in_lake(path, root)
        quote = text[start : start + 1].decode(errors="replace")
        written = (quote + path.replace(quote, 2 * quote) + quote).encode()
        if inside is not None and quote in ("'", '"') and text[start:].startswith(written):
            new = quote + inside.replace(quote, 2 * quote) + quote
            text = text[:start] + new.encode() + text[start + len(written) :]
    changed = text.decode()
    if changed != sql:
        _parsed(connection, changed, functions)
    return changed


def _paths(parsed: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Where in the text (bytes) files may be named, and by what."""
    for node in _nodes(parsed):
        if node.get("type") == "BASE_TABLE" and "/" in node.get("table_name", ""):
            yield node["query_location"], node["table_name"]
        if node.get("type") == "TABLE_FUNCTION":
            function = node["function"]
            if FILE_FUNCTIONS.fullmatch(function["function_name"]):
                for part in _nodes(function["arguments"][:1]):
                    if part.get("type") == "VALUE_CONSTANT" and part["literal"]["kind"] == "STRING":
                        yield part["query_location"], part["literal"]["text"]


def _path_in_lake(path: str, root: str) -> str | None:
    """The path or pattern below the lake's folder; None outside it."""
    path = path.removeprefix("file://")
    if "://" in path:
        return None
    absolute = os.path.normpath(Path(path).absolute())
    for folder in (root, as_pattern(root)):
        if absolute.startswith(f"{folder}/"):
            return PREFIX + absolute.removeprefix(f"{folder}/")
    return None


def as_pattern(path: str) -> str:
    """A path as a pattern that only this path fits."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def _nodes(parsed: Any) -> Iterator[dict[str, Any]]:
    """Every node of a parsed statement."""
    if isinstance(parsed, dict):
        yield parsed
    if isinstance(parsed, (dict, list)):
        for part in parsed.values() if isinstance(parsed, dict) else parsed:
            yield from _nodes(part)
