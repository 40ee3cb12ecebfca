"""What is written goes through core/files/atomic_path: whole or not at all, errors in one line."""

import ast
from collections.abc import Iterator

from tests.structure.source_tree import modules, tree

WRITES = {"write_text", "write_bytes", "write_parquet", "write_csv", "sink_parquet", "save_file"}
HERE = "personae.core.files.atomic_path"


def _unguarded(node: ast.AST, guarded: bool = False) -> Iterator[int]:
    """The lines of calls that write a file outside a block of `atomic_path`."""
    if isinstance(node, ast.With):
        names = [ast.unparse(item.context_expr) for item in node.items]
        guarded = guarded or any(name.startswith("atomic_path(") for name in names)
    if isinstance(node, ast.Call) and not guarded and _writes(node):
        yield node.lineno
    for child in ast.iter_child_nodes(node):
        yield from _unguarded(child, guarded)


def _writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    if name in WRITES:
        target = ast.unparse(call.args[0]) if call.args else ""
        return target not in ("stream", "part")  # a path of `atomic_path`, or memory
    modes = [a.value for a in call.args if isinstance(a, ast.Constant)]
    return name == "open" and any(m in ("w", "wb", "x", "a", "ab") for m in modes)


def test_files_are_written_whole_or_not_at_all() -> None:
    found = {
        f"{name}:{line}"
        for name, path in modules().items()
        if name != HERE
        for line in _unguarded(tree(path))
    }
    assert not found


def test_the_search_finds_an_unguarded_writer() -> None:
    source = "with atomic_path(p) as part:\n    part.write_text('a')\npath.write_text('b')\n"
    assert list(_unguarded(ast.parse(source))) == [3]
    assert list(_unguarded(ast.parse("open(path, 'w').write('c')"))) == [1]
