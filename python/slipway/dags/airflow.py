"""Reads a DAG file of Airflow by its syntax: none of it runs. What only a run would tell is named with its line."""

from __future__ import annotations

import ast
from collections import ChainMap
from pathlib import PurePath
from typing import Any

from slipway.dags.expressions import Expressions
from slipway.dags.graph import Dag, Group, Task
from slipway.dags.values import UNKNOWN, Function, Scope

ROLES = {"dag": "dag", "task_group": "group", "setup": "task", "teardown": "task"}


class Returned(Exception):
    """A function of the file came to its end with a value."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Reader(Expressions):
    """Goes through the statements of a file, and keeps the DAGs that they make."""

    def body(self, statements: list[ast.stmt], scope: Scope) -> None:
        """Reads statements in their order."""
        for statement in statements:
            read = getattr(self, f"_{type(statement).__name__.lower()}", None)
            if read is not None:
                read(statement, scope)

    def call(self, function: Function, args: list[Any], options: dict[str, Any]) -> Any:
        """Reads the body of a function with what it is given; what it returns."""
        if self.depth > 20:
            return UNKNOWN
        scope: Scope = ChainMap({}, function.scope)
        spec = function.node.args
        names = [arg.arg for arg in (*spec.posonlyargs, *spec.args)]
        for name, default in zip(reversed(names), reversed(spec.defaults)):
            scope[name] = self.value(default, function.scope)
        for arg, given in zip(spec.kwonlyargs, spec.kw_defaults):
            scope[arg.arg] = UNKNOWN if given is None else self.value(given, function.scope)
        for name in names:
            scope.setdefault(name, UNKNOWN)
        scope.update(dict(zip(names, args)))
        scope.update(options)
        self.depth += 1
        try:
            self.body(function.node.body, scope)
        except Returned as returned:
            return returned.value
        finally:
            self.depth -= 1
        return None

    def _expr(self, statement: ast.Expr, scope: Scope) -> None:
        self.value(statement.value, scope)

    def _return(self, statement: ast.Return, scope: Scope) -> None:
        raise Returned(None if statement.value is None else self.value(statement.value, scope))

    def _assign(self, statement: ast.Assign, scope: Scope) -> None:
        value = self.value(statement.value, scope)
        for target in statement.targets:
            self.bind(target, value, scope)

    def _annassign(self, statement: ast.AnnAssign, scope: Scope) -> None:
        if statement.value is not None:
            self.bind(statement.target, self.value(statement.value, scope), scope)

    def _augassign(self, statement: ast.AugAssign, scope: Scope) -> None:
        if isinstance(statement.target, ast.Name):
            left = ast.copy_location(ast.Name(statement.target.id, ast.Load()), statement.target)
            made = ast.copy_location(ast.BinOp(left, statement.op, statement.value), statement)
            scope[statement.target.id] = self.value(made, scope)

    def _functiondef(self, statement: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        role, kind = "function", ""
        options: dict[str, Any] = {}
        for decorator in statement.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = ast.unparse(called).removeprefix("airflow.sdk.").removeprefix("sdk.")
            given = self.options(decorator, scope) if isinstance(decorator, ast.Call) else {}
            if isinstance(decorator, ast.Call) and decorator.args and name == "dag":
                given.setdefault("dag_id", self.value(decorator.args[0], scope))
            if name.split(".")[0] == "task" or name in ROLES:
                role, options = ROLES.get(name, "task"), {**options, **given}
                kind = name if kind == "" or name != "task" else kind
            elif name == "asset" or name.startswith("asset."):
                self.leave(statement.lineno, f'asset "{statement.name}": its function is not read; write it as a step')
        scope[statement.name] = Function(statement, scope, role, kind, options)
        if role == "dag":
            self.read_dag(scope[statement.name])

    _asyncfunctiondef = _functiondef

    def _with(self, statement: ast.With, scope: Scope) -> None:
        entered: list[str] = []
        for item in statement.items:
            value = self.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value, scope)
            if isinstance(value, Dag):
                self.current.append(value)
                self.groups.append(value.top)
                entered.append("dag")
            elif isinstance(value, Group):
                self.groups.append(value)
                entered.append("group")
            elif isinstance(value, Task) and self.current:
                self.groups.append(self.between(value))
                entered.append("group")
        self.body(statement.body, scope)
        for what in reversed(entered):
            self.groups.pop()
            if what == "dag":
                self.current.pop()

    def between(self, last: Task) -> Group:
        """The tasks of a block that ends with a task, as a teardown does: behind what that one needs, and before it."""
        group = Group("" if last.parent.parent is None else last.parent.prefix, self.groups[-1])
        self.groups[-1].members.append(group)
        for before in last.given:
            self.edge(before, group)
        self.edge(group, last)
        return group

    def _if(self, statement: ast.If, scope: Scope) -> None:
        test = self.value(statement.test, scope)
        text = ast.unparse(statement.test)
        if text.startswith("__name__") or text == "TYPE_CHECKING":
            return
        if test is not UNKNOWN:
            self.body(statement.body if test else statement.orelse, scope)
            return
        before = self.made
        self.body(statement.body, scope)
        self.body(statement.orelse, scope)
        if self.made > before:
            self.leave(statement.lineno, f'"if {text[:80]}" is known when the file runs: tasks of both ways are taken over')

    def _for(self, statement: ast.For, scope: Scope) -> None:
        items = self.items(self.value(statement.iter, scope))
        if items is None:
            before = self.made
            self.bind(statement.target, UNKNOWN, scope)
            self.body(statement.body, scope)
            if self.made > before:
                self.leave(statement.lineno, f'"for … in {ast.unparse(statement.iter)[:80]}" is known when the file runs: it is read once')
        else:
            for item in items:
                self.bind(statement.target, item, scope)
                self.body(statement.body, scope)
        self.body(statement.orelse, scope)

    def _while(self, statement: ast.While, _scope: Scope) -> None:
        if self.current:
            self.leave(statement.lineno, "a while loop is not read")

    def _try(self, statement: ast.Try, scope: Scope) -> None:
        self.body(statement.body, scope)
        self.body(statement.orelse, scope)
        self.body(statement.finalbody, scope)

    def bind(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Gives a name, or each name of several, its value."""
        if isinstance(target, ast.Name):
            scope[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = value if isinstance(value, (list, tuple)) and len(value) == len(target.elts) else [UNKNOWN] * len(target.elts)
            for one, part in zip(target.elts, parts):
                self.bind(one, part, scope)
        elif isinstance(target, ast.Subscript):
            holder, key = self.value(target.value, scope), self.value(target.slice, scope)
            if isinstance(holder, dict) and isinstance(key, (str, int)):
                holder[key] = value

    def read_dag(self, function: Function) -> None:
        """Reads the body of a function that is a DAG."""
        name = function.options.get("dag_id", function.node.name)
        dag = self.make_dag(name, function.node.lineno, function.options)
        self.current.append(dag)
        self.groups.append(dag.top)
        try:
            self.call(function, [], {})
        finally:
            self.groups.pop()
            self.current.pop()


def read(source: str, name: str) -> Reader:
    """Reads a file. Raises SyntaxError."""
    reader = Reader(source, PurePath(name).stem)
    reader.body(ast.parse(source, name).body, {"__name__": "dag_file"})
    return reader
