"""What a statement needs of the names before it, and what it leaves: definitely, perhaps, changed in place."""

from __future__ import annotations

import ast

from slipway.notebook.scopes import names

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Flow:
    """Walks statements in the order in which Python runs them."""

    def __init__(self) -> None:
        """Nothing is bound yet."""
        self.bound: set[str] = set()
        self.maybe: set[str] = set()
        self.uses: dict[str, None] = {}
        self.later: dict[str, None] = {}
        #: Changed by an assignment to a part of it.
        self.changed: dict[str, None] = {}
        #: A method of it is called, which may change it.
        self.called: dict[str, None] = {}
        self.deleted: set[str] = set()

    def read(self, name: str) -> None:
        """A name that is needed unless it was bound before."""
        if name not in self.bound:
            self.uses[name] = None

    def bind(self, name: str) -> None:
        """A name that has a value from here on."""
        self.bound.add(name)
        self.maybe.discard(name)
        self.deleted.discard(name)

    def run(self, statements: list[ast.stmt]) -> None:
        """One after the other."""
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """One statement."""
        method = getattr(self, f"do_{type(node).__name__.lower()}", None)
        if method is not None:
            method(node)
        else:
            for child in ast.iter_child_nodes(node):
                self.expression(child)

    def branches(self, *bodies: list[ast.stmt]) -> None:
        """Bodies of which one runs: what each of them binds is bound, the rest perhaps."""
        before = set(self.bound)
        ends: list[set[str]] = []
        for body in bodies:
            self.bound = set(before)
            self.run(body)
            ends.append(self.bound)
        every = set.intersection(*ends)
        self.maybe |= set.union(*ends) - every
        self.bound = every
        self.maybe -= every

    def do_if(self, node: ast.If) -> None:
        """Either of two."""
        self.expression(node.test)
        self.branches(node.body, node.orelse)

    def do_while(self, node: ast.While) -> None:
        """Any number of times."""
        self.expression(node.test)
        self.branches(node.body, [])
        self.run(node.orelse)

    def do_for(self, node: ast.For | ast.AsyncFor) -> None:
        """Any number of times; the target is bound within."""
        self.expression(node.iter)
        before = set(self.bound)
        self.target(node.target)
        self.run(node.body)
        self.maybe |= self.bound - before
        self.bound = before
        self.run(node.orelse)

    do_asyncfor = do_for

    def do_try(self, node: ast.Try) -> None:
        """What its body binds is bound perhaps, for it may have ended before."""
        before = set(self.bound)
        self.run(node.body)
        self.run(node.orelse)
        after = set(self.bound)
        self.maybe |= after - before
        for handler in node.handlers:
            self.bound = set(before)
            if handler.type is not None:
                self.expression(handler.type)
            if handler.name:
                self.bind(handler.name)
            self.run(handler.body)
            self.bound.discard(handler.name or "")
            if not ends(handler.body):
                after &= self.bound
            self.maybe |= self.bound
        self.maybe = (self.maybe | after) - after
        self.bound = after
        self.run(node.finalbody)

    do_trystar = do_try

    def do_with(self, node: ast.With | ast.AsyncWith) -> None:
        """Its body runs once."""
        for item in node.items:
            self.expression(item.context_expr)
            if item.optional_vars is not None:
                self.target(item.optional_vars)
        self.run(node.body)

    do_asyncwith = do_with

    def do_match(self, node: ast.Match) -> None:
        """One case or none."""
        self.expression(node.subject)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                name = getattr(part, "name", None)
                if isinstance(name, str):
                    self.bind(name)
        self.branches(*[case.body for case in node.cases], [])

    def do_assign(self, node: ast.Assign) -> None:
        """The value first."""
        self.expression(node.value)
        for target in node.targets:
            self.target(target)

    def do_annassign(self, node: ast.AnnAssign) -> None:
        """With or without a value."""
        self.expression(node.annotation)
        if node.value is not None:
            self.expression(node.value)
            self.target(node.target)

    def do_augassign(self, node: ast.AugAssign) -> None:
        """Reads what it writes, and may change it in place."""
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
            self.changed[node.target.id] = None
        self.expression(node.value)
        self.target(node.target)

    def do_delete(self, node: ast.Delete) -> None:
        """A name that is gone, or a part of one."""
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.read(target.id)
                self.bound.discard(target.id)
                self.maybe.discard(target.id)
                self.deleted.add(target.id)
            else:
                self.target(target)

    def do_import(self, node: ast.Import) -> None:
        """The first part of the name, or what it is called here."""
        for one in node.names:
            self.bind(one.asname or one.name.split(".")[0])

    def do_importfrom(self, node: ast.ImportFrom) -> None:
        """Each name but the star."""
        for one in node.names:
            if one.name != "*":
                self.bind(one.asname or one.name)

    def do_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """Defaults, decorators and bases are read at once, the body when it is called."""
        found = names(node)
        for name in found.now:
            self.read(name)
        for name in found.later:
            self.late(name)
        for name in found.written:
            self.changed[name] = None
        self.bind(node.name)

    do_asyncfunctiondef = do_functiondef
    do_classdef = do_functiondef

    def do_expr(self, node: ast.Expr) -> None:
        """An expression by itself; a call of a method may change its object."""
        self.expression(node.value)

    def late(self, name: str) -> None:
        """A name that is read when something is called."""
        if name not in self.bound:
            self.later[name] = None

    def target(self, node: ast.AST) -> None:
        """What an assignment writes: a name, or a part of the object that a name holds."""
        if isinstance(node, ast.Name):
            self.bind(node.id)
        elif isinstance(node, (ast.Tuple, ast.List)):
            for part in node.elts:
                self.target(part)
        elif isinstance(node, ast.Starred):
            self.target(node.value)
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            self.expression(node.value)
            if isinstance(node, ast.Subscript):
                self.expression(node.slice)
            self.change(node)

    def change(self, node: ast.AST) -> None:
        """The object at the root of an expression is changed."""
        name = root(node)
        if name is not None:
            self.changed[name] = None

    def call(self, node: ast.AST) -> None:
        """A method of the object at the root of an expression is called."""
        name = root(node)
        if name is not None:
            self.called[name] = None

    def expression(self, node: ast.AST) -> None:
        """Names in the order in which they are read."""
        if isinstance(node, ast.Name):
            self.read(node.id)
        elif isinstance(node, ast.Lambda):
            found = names(node)
            for name in found.now:
                self.read(name)
            for name in found.later:
                self.late(name)
        elif isinstance(node, COMPREHENSIONS):
            found = names(node)
            for name in (*found.now, *found.later):
                self.read(name)
            for part in ast.walk(node):
                if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
                    self.call(part.func)
        elif isinstance(node, ast.NamedExpr):
            self.expression(node.value)
            self.bind(node.target.id)
        else:
            for child in ast.iter_child_nodes(node):
                self.expression(child)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self.call(node.func)


def root(node: ast.AST) -> str | None:
    """The name at the beginning of `a.b[c].d(…)`; None where there is none."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Starred)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def ends(body: list[ast.stmt]) -> bool:
    """Whether a body certainly does not go on behind itself."""
    return bool(body) and isinstance(body[-1], (ast.Raise, ast.Return, ast.Continue, ast.Break))
