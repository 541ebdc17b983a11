"""Which global names a program defines, which it reads. Nothing is run, and a text that is no program has none."""

import ast
import symtable
from collections.abc import Collection, Iterable, Iterator

LONGEST = 100_000  # characters of a stranger's program: parsed, it takes a hundred times its memory
NO_PROGRAM = (SyntaxError, ValueError, RecursionError, MemoryError)  # what parsing a hostile text may raise


def statements(source: str) -> list[ast.stmt]:
    """The statements of a program; none of a text that is no program, such as one with a magic."""
    try:
        return ast.parse(source).body
    except NO_PROGRAM:
        return []


def is_program(source: str) -> bool:
    """Whether a text is a program: one with a magic is none."""
    return _table(source) is not None


def functions(source: str) -> set[str]:
    """The functions that a cell defines, by `def` or by giving a lambda a name."""
    body = statements(source)
    named = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            named |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return named


def bound(source: str) -> set[str]:
    """The global names that a cell binds, in any way."""
    table = _table(source)
    return {symbol.get_name() for symbol in table.get_symbols() if _is_bound(symbol)} if table else set()


def read(source: str) -> set[str]:
    """The global names that a cell reads and does not bind itself: parameters and local names are none."""
    return _mentioned(source) - bound(source)


def awaited(source: str) -> set[str]:
    """The global names that must be there before a cell runs: it reads them, or may, before it binds them itself."""
    return _awaited(statements(source), frozenset())


def _awaited(body: Iterable[ast.stmt], known: frozenset[str]) -> set[str]:
    """What statements read before they bind it; a name that is bound under a condition counts as not bound."""
    found: set[str] = set()

    def reads(*nodes: ast.AST | None) -> None:
        found.update(name for node in nodes if node for name in _mentioned(ast.unparse(node)) - known)

    def binds(*targets: ast.AST | None) -> frozenset[str]:
        inner = [node for target in targets if target for node in ast.walk(target)]
        reads(*(node for node in inner if isinstance(node, ast.Attribute | ast.Subscript)))
        return frozenset().union(*(bound_by(target) for target in targets if target))

    for statement in body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                reads(value)
                known |= binds(*targets)
            case ast.For(target=target, iter=iterated, body=inner, orelse=other):
                reads(iterated)
                found |= _awaited(inner, known | binds(target)) | _awaited(other, known)
            case ast.If(test=test, body=inner, orelse=other) | ast.While(test=test, body=inner, orelse=other):
                reads(test)
                found |= _awaited(inner, known) | _awaited(other, known)
            case ast.With(items=items, body=inner):
                reads(*(item.context_expr for item in items))
                found |= _awaited(inner, known | binds(*(item.optional_vars for item in items)))
            case ast.FunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom() | ast.Expr():
                reads(statement)
                known |= bound(ast.unparse(statement))
            case _:
                reads(statement)
                found |= {name for node in ast.walk(statement) if (name := _changed(node))} - known
    return found


def _changed(node: ast.AST) -> str | None:
    """The name of what a statement deletes or adds to, which must be there."""
    if isinstance(node, ast.AugAssign):
        return base(node.target)
    return base(node) if isinstance(getattr(node, "ctx", None), ast.Del) else None


def _mentioned(source: str) -> set[str]:
    """The global names that a cell reads, its own too."""
    table = _table(source)
    if table is None:
        return set()
    top = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    inner = {s.get_name() for one in _inside(table) for s in one.get_symbols() if s.is_global() and s.is_referenced()}
    return top | inner


def changed_by(statement: ast.stmt) -> set[str]:
    """The global names that a statement binds, or changes by an item or attribute."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    targets = [node for node in ast.walk(statement) if isinstance(getattr(node, "ctx", None), ast.Store)]
    return {name for target in targets if (name := base(target))}


def bound_by(target: ast.AST) -> set[str]:
    """The names that the target of an assignment or a loop binds."""
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def base(target: ast.AST) -> str | None:
    """The name at the root of an expression like `a.b[0].c`, if it begins with one."""
    while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None


def imports(sources: Iterable[str], *, without: Collection[str] = ()) -> list[str]:
    """The import statements in programs, but for those of the packages, or modules, `without`."""
    found: set[str] = set()
    for node in (node for source in sources for one in statements(source) for node in ast.walk(one)):
        if isinstance(node, ast.Import):
            found.update(f"import {alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.update(f"from {node.module} import {alias.name}" for alias in node.names)
    return sorted(
        statement for statement in found if not any(_is_of(imported, without) for imported in _imported(statement))
    )


def _imported(statement: str) -> tuple[str, ...]:
    """The modules that an import statement may import: of `from course.llama import chat` both."""
    _, module, *what = statement.split()
    return (module, f"{module}.{what[1]}") if what[:1] == ["import"] else (module,)


def _is_of(module: str, packages: Collection[str]) -> bool:
    """Whether a module ("course.llama.convert.lora") is one of the packages, or in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _table(source: str) -> symtable.SymbolTable | None:
    try:
        return symtable.symtable(source, "<answer>", "exec")
    except NO_PROGRAM:
        return None


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _inside(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _inside(child)
