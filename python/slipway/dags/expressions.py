"""What expressions of a DAG file come to: texts, numbers and lists that stand there, and the tasks that calls make."""

from __future__ import annotations

import ast
import itertools
import operator
from collections import ChainMap
from collections.abc import Callable
from typing import Any

from slipway.dags.graph import Dag, Group, Node, Task
from slipway.dags.terms import TORN_DOWN, describe, settle
from slipway.dags.values import UNKNOWN, Function, Label, Made, Partial, Scope, nodes_in

#: Most expressions that are read of one file; loops over long lists would go on for ever.
MOST_READ = 500_000
MOST_ITEMS = 1000
MOST_TEXT = 100_000

SUMS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
}
TEXTS = ("format", "replace", "lower", "upper", "strip", "title", "join", "split", "removesuffix", "removeprefix")


class TooLong(Exception):
    """The file says more than is read of one."""


class Expressions:
    """Values of expressions, and the DAGs that they make on the way."""

    def __init__(self, source: str, name: str) -> None:
        self.source = source
        #: What a DAG is called whose name only a run would tell.
        self.name = name
        self.dags: list[Dag] = []
        self.current: list[Dag] = []
        self.groups: list[Group] = []
        self.left: list[tuple[int, str]] = []
        #: Tasks made so far, and expressions read so far.
        self.made = self.read = self.depth = 0

    def call(self, function: Function, args: list[Any], options: dict[str, Any]) -> Any:
        """Reads a function of the file."""
        raise NotImplementedError

    def leave(self, line: int, what: str) -> None:
        """Names what is not taken over."""
        left = self.current[-1].left if self.current else self.left
        if (line, what) not in left:
            left.append((line, what))

    def edge(self, before: Node, after: Node) -> None:
        """One comes before the other."""
        if self.current and (before, after) not in self.current[-1].edges:
            self.current[-1].edges.append((before, after))

    def value(self, node: ast.expr, scope: Scope) -> Any:
        """What an expression comes to; UNKNOWN where only a run would tell."""
        self.read += 1
        if self.read > MOST_READ:
            raise TooLong(f"line {node.lineno}: more is written here than is read of one file")
        read = getattr(self, f"_{type(node).__name__.lower()}", None)
        return UNKNOWN if read is None else read(node, scope)

    def options(self, node: ast.Call, scope: Scope) -> dict[str, Any]:
        """The arguments of a call that have names."""
        given: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None:
                given[keyword.arg] = value
            elif isinstance(value, dict):
                given.update({name: one for name, one in value.items() if isinstance(name, str)})
        return given

    def items(self, value: Any) -> list[Any] | None:
        """What a loop goes through; None where only a run would tell."""
        if isinstance(value, (list, tuple, dict, range)) and len(value) <= MOST_ITEMS:
            return list(value)
        return None

    def _constant(self, node: ast.Constant, _scope: Scope) -> Any:
        return node.value

    def _name(self, node: ast.Name, scope: Scope) -> Any:
        return scope.get(node.id, UNKNOWN)

    def _list(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Any:
        found: list[Any] = []
        for one in node.elts:
            value = self.value(one.value if isinstance(one, ast.Starred) else one, scope)
            found += value if isinstance(one, ast.Starred) and isinstance(value, list) else [value]
        return found

    _tuple = _set = _list

    def _dict(self, node: ast.Dict, scope: Scope) -> Any:
        found: dict[Any, Any] = {}
        for key, one in zip(node.keys, node.values):
            value = self.value(one, scope)
            if key is None:
                found.update(value if isinstance(value, dict) else {})
                continue
            name = self.value(key, scope)
            if isinstance(name, (str, int, float)):
                found[name] = value
        return found

    def _joinedstr(self, node: ast.JoinedStr, scope: Scope) -> Any:
        parts = [self.value(one.value if isinstance(one, ast.FormattedValue) else one, scope) for one in node.values]
        known = all(isinstance(part, (str, int, float)) for part in parts)
        return "".join(str(part) for part in parts) if known else UNKNOWN

    def _binop(self, node: ast.BinOp, scope: Scope) -> Any:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        if isinstance(node.op, (ast.RShift, ast.LShift)):
            before, after = (left, right) if isinstance(node.op, ast.RShift) else (right, left)
            self.order(before, after)
            return right
        return self.sum(type(node.op), left, right)

    def sum(self, kind: type, left: Any, right: Any) -> Any:
        """Of numbers, texts and lists that stand in the file."""
        plain = (str, int, float, list)
        size = max(len(one) if isinstance(one, (str, list)) else 0 for one in (left, right))
        many = kind is ast.Mult and size * max([one for one in (left, right) if isinstance(one, int)], default=1) > MOST_TEXT
        if kind not in SUMS or not isinstance(left, plain) or not isinstance(right, (*plain, dict)) or size > MOST_TEXT or many:
            return UNKNOWN
        try:
            return SUMS[kind](left, right)
        except (TypeError, ValueError, ArithmeticError, KeyError):
            return UNKNOWN

    def order(self, before: Any, after: Any) -> None:
        """All that one value holds comes before all that another holds; a label hands on what is before it."""
        firsts = list(nodes_in(before))
        labels = [one for one in (after if isinstance(after, list) else [after]) if isinstance(one, Label)]
        for label in labels:
            label.before += firsts
        if isinstance(before, Label) and not before.before:
            return
        for last in nodes_in([one for one in (after if isinstance(after, list) else [after]) if not isinstance(one, Label)]):
            for first in firsts:
                self.edge(first, last)

    def _unaryop(self, node: ast.UnaryOp, scope: Scope) -> Any:
        value = self.value(node.operand, scope)
        if isinstance(node.op, ast.USub) and isinstance(value, (int, float)):
            return -value
        return (not value) if isinstance(node.op, ast.Not) and isinstance(value, (bool, int, str)) else UNKNOWN

    def _boolop(self, node: ast.BoolOp, scope: Scope) -> Any:
        values = [self.value(one, scope) for one in node.values]
        if any(not isinstance(one, (bool, int, str)) for one in values):
            return UNKNOWN
        return all(values) if isinstance(node.op, ast.And) else any(values)

    def _compare(self, node: ast.Compare, scope: Scope) -> Any:
        left, *rest = [self.value(one, scope) for one in (node.left, *node.comparators)]
        plain = (str, int, float)
        if len(rest) != 1 or not isinstance(left, plain) or not isinstance(rest[0], plain):
            return UNKNOWN
        if isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            return (left == rest[0]) is isinstance(node.ops[0], ast.Eq)
        return UNKNOWN

    def _ifexp(self, node: ast.IfExp, scope: Scope) -> Any:
        test = self.value(node.test, scope)
        if test is UNKNOWN:
            return UNKNOWN
        return self.value(node.body if test else node.orelse, scope)

    def _namedexpr(self, node: ast.NamedExpr, scope: Scope) -> Any:
        scope[node.target.id] = self.value(node.value, scope)
        return scope[node.target.id]

    def _await(self, node: ast.Await, scope: Scope) -> Any:
        return self.value(node.value, scope)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        value = self.value(node.value, scope)
        if isinstance(node.value, ast.Name) and node.value.id == "TriggerRule":
            return node.attr.lower()
        return value if isinstance(value, (Task, Group)) else UNKNOWN

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        value, key = self.value(node.value, scope), self.value(node.slice, scope)
        if isinstance(value, (Task, Group)):
            return value
        if isinstance(value, dict):
            return value.get(key, UNKNOWN) if isinstance(key, (str, int, float)) else UNKNOWN
        if isinstance(value, (list, str)) and isinstance(key, int) and -len(value) <= key < len(value):
            return value[key]
        return UNKNOWN

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope) -> Any:
        first, *more = node.generators
        items = self.items(self.value(first.iter, scope))
        if items is None or more or first.ifs:
            inner: Scope = ChainMap({}, scope)
            before, made = self.made, self.value(node.elt, inner)
            if self.made > before:
                self.leave(node.lineno, f'"{ast.unparse(node)[:80]}" is known when the file runs: it is read once')
            return [made]
        found = []
        for item in items:
            inner = ChainMap({}, scope)
            self.bind(first.target, item, inner)
            found.append(self.value(node.elt, inner))
        return found

    _generatorexp = _setcomp = _listcomp

    def bind(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Gives a name its value."""
        raise NotImplementedError

    def _call(self, node: ast.Call, scope: Scope) -> Any:
        args = self._list(ast.List(node.args, ast.Load()), scope)
        options = self.options(node, scope)
        called = UNKNOWN if isinstance(node.func, ast.Attribute) else self.value(node.func, scope)
        if isinstance(called, Function):
            return self.apply(called, node, args, options)
        if isinstance(node.func, ast.Attribute):
            of = self.value(node.func.value, scope)
            known = self.method(of, node, args, options)
            if known is not UNKNOWN:
                return known
            name = node.func.attr
        else:
            name = node.func.id if isinstance(node.func, ast.Name) else ""
        return self.library(name, node, args, options)

    def method(self, of: Any, node: ast.Call, args: list[Any], options: dict[str, Any]) -> Any:
        """A call of what a value has; UNKNOWN where it is of none that is known here."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if isinstance(of, Function):
            return self.of_function(of, name, node, args, options)
        if isinstance(of, Partial):
            self.leave(node.lineno, f'task "{of.options.get("task_id")}" is mapped over a list: write that as `for_each` of the step')
            return self.task(of.kind, node, {**options, **of.options}, args)
        if isinstance(of, (Task, Group)):
            return self.of_task(of, name, args, options)
        if isinstance(of, list) and name in ("append", "extend") and len(args) == 1:
            of += args if name == "append" else self.items(args[0]) or [args[0]]
            return None
        if isinstance(of, dict) and name in ("items", "keys", "values"):
            return [list(one) for one in of.items()] if name == "items" else list(getattr(of, name)())
        if isinstance(of, dict) and name in ("get", "copy"):
            return dict(of) if name == "copy" else of.get(args[0] if args and isinstance(args[0], str) else "", UNKNOWN)
        if isinstance(of, str) and name in TEXTS:
            return self.text(of, name, args, options)
        if name == "partial" and "task_id" in options:
            return Partial(ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else "", options)
        return UNKNOWN

    def text(self, of: str, name: str, args: list[Any], options: dict[str, Any]) -> Any:
        """A method of a text, of plain values alone."""
        flat = [*args, *options.values()]
        if any(not isinstance(one, (str, int, list)) for one in flat) or (name == "format" and len(of) > 1000):
            return UNKNOWN
        # a width in a format may be of any size
        if name == "format" and ":" in of:
            return UNKNOWN
        try:
            made = getattr(of, name)(*args, **options)
        except (TypeError, ValueError, LookupError, AttributeError):
            return UNKNOWN
        return made if len(made) <= MOST_TEXT else UNKNOWN

    def of_function(self, of: Function, name: str, node: ast.Call, args: list[Any], options: dict[str, Any]) -> Any:
        """Mapping and renaming of tasks that are functions."""
        if name == "override":
            return Function(of.node, of.scope, of.role, of.kind, {**of.options, **options})
        if name == "partial":
            given = {**of.options, "": [of.options.get(""), args, options]}
            return Function(of.node, of.scope, of.role, of.kind, given)
        if name in ("expand", "expand_kwargs"):
            self.leave(node.lineno, f'"{of.node.name}" is mapped over a list: write that as `for_each` of the step')
            # what is mapped is one of many, whatever the list
            handed = {key: list(nodes_in(value)) or UNKNOWN for key, value in options.items()}
            return self.apply(of, node, args, handed)
        return UNKNOWN

    def of_task(self, of: Node, name: str, args: list[Any], options: dict[str, Any]) -> Any:
        """Order by methods; all else of a task is what it hands on."""
        if name == "set_downstream" or name == "set_upstream":
            self.order(*((of, args[:1]) if name == "set_downstream" else (args[:1], of)))
        if name in ("as_teardown", "as_setup") and isinstance(of, Task):
            self.leave(of.line, f'task "{of.id}": {TORN_DOWN}')
        if name == "as_teardown":
            setups = options.get("setups", args[:1])
            self.order(setups, of)
            if isinstance(of, Task):
                of.given += nodes_in(setups)
        return of

    def apply(self, called: Function, node: ast.Call, args: list[Any], options: dict[str, Any]) -> Any:
        """A call of a function of the file."""
        if called.role == "dag":
            return UNKNOWN
        if called.role == "task":
            given = {"task_id": called.node.name, **called.options}
            return self.task(called.kind, node, given, [*args, options])
        if called.role == "group":
            group = self.group(called.options.get("group_id", called.node.name), called.options)
            if group is None:
                return UNKNOWN
            self.groups.append(group)
            try:
                self.call(called, args, options)
            finally:
                self.groups.pop()
            return group
        return self.call(called, args, options)

    def library(self, name: str, node: ast.Call, args: list[Any], options: dict[str, Any]) -> Any:
        """A call of a function that is not of this file, by its name."""
        if name == "DAG":
            return self.make_dag(options.get("dag_id", args[0] if args else UNKNOWN), node.lineno, options)
        if name == "TaskGroup":
            return self.group(options.get("group_id", args[0] if args else UNKNOWN), options) or UNKNOWN
        if name in ("chain", "chain_linear", "cross_downstream"):
            return self.chain(name, args)
        if name == "Label":
            return Label()
        if "task_id" in options or (name.endswith(("Operator", "Sensor")) and name[:1].isupper()):
            return self.task(name, node, options, args)
        if name in ("range", "list", "tuple", "sorted", "reversed", "len", "str", "enumerate", "zip", "dict", "dedent"):
            return self.built_in(name, args, options)
        return Made(name, args, options)

    def built_in(self, name: str, args: list[Any], options: dict[str, Any]) -> Any:
        """Functions of Python over what stands in the file."""
        if name == "dict" and not args:
            return options
        if name == "dedent":
            return args[0] if args else UNKNOWN
        if name == "range" and args and all(isinstance(one, int) for one in args) and len(args) <= 3 and args[2:] != [0]:
            return range(*args)
        lists = [self.items(one) for one in args]
        if name == "str" and len(args) == 1 and isinstance(args[0], (str, int, float)):
            return str(args[0])
        if not lists or any(one is None for one in lists):
            return UNKNOWN
        first = lists[0] or []
        made: dict[str, Callable[[], Any]] = {
            "list": lambda: first,
            "tuple": lambda: first,
            "reversed": lambda: first[::-1],
            "sorted": lambda: sorted(first) if all(isinstance(one, str) for one in first) else first,
            "len": lambda: len(first),
            "enumerate": lambda: [[at, one] for at, one in enumerate(first)],
            "zip": lambda: [list(one) for one in zip(*[one or [] for one in lists])],
        }
        return made[name]() if name in made else UNKNOWN

    def chain(self, name: str, args: list[Any]) -> None:
        """Airflow's own words for an order of several."""
        for before, after in itertools.pairwise(args):
            pairs = isinstance(before, list) and isinstance(after, list) and name == "chain" and len(before) == len(after)
            for one, other in zip(before, after) if pairs else [(before, after)]:
                self.order(one, other)

    def make_dag(self, name: Any, line: int, given: dict[str, Any]) -> Dag:
        """A DAG that the file makes."""
        defaults = given.get("default_args")
        top = Group("", None, defaults if isinstance(defaults, dict) else {})
        dag = Dag(name if isinstance(name, str) else self.name, line, top)
        if not isinstance(name, str):
            dag.left.append((line, "the name of the DAG: the file alone does not tell what it is"))
        describe(dag, given)
        self.dags.append(dag)
        return dag

    def group(self, name: Any, given: dict[str, Any]) -> Group | None:
        """A group of the tasks that are made next."""
        if not self.groups:
            return None
        outer = self.groups[-1]
        own = f"{name}." if isinstance(name, str) and given.get("prefix_group_id") is not False else ""
        defaults = given.get("default_args")
        prefix, number = f"{outer.prefix}{own}", 0
        # a function that is called again is a group of its own, as Airflow numbers them
        while own and any(isinstance(one, Group) and one.prefix == prefix for one in outer.members):
            number += 1
            prefix = f"{outer.prefix}{own[:-1]}__{number}."
        group = Group(prefix, outer, {**outer.default_args, **(defaults if isinstance(defaults, dict) else {})})
        outer.members.append(group)
        return group

    def task(self, kind: str, node: ast.Call, given: dict[str, Any], args: list[Any]) -> Any:
        """A task of the DAG that is written, behind those that its arguments hold."""
        named = given.get("dag")
        dag = named if isinstance(named, Dag) else self.current[-1] if self.current else None
        if dag is None:
            self.leave(node.lineno, f"{kind}: a task outside of a DAG")
            return UNKNOWN
        parent = given.get("task_group")
        if not isinstance(parent, Group):
            parent = self.groups[-1] if self.current and self.current[-1] is dag else dag.top
        own = given.get("task_id")
        if not isinstance(own, str):
            dag.left.append((node.lineno, f"the name of a task ({kind}): the file alone does not tell what it is"))
            own = f"task_{node.lineno}"
        self.made += 1
        source = ast.get_source_segment(self.source, node) or ""
        task = Task(f"{parent.prefix}{own}", node.lineno, kind, source[:2000], parent)
        parent.members.append(task)
        self.current.append(dag)
        handed = {name: one for name, one in given.items() if name not in ("dag", "task_group", "default_args")}
        for before in nodes_in([args, handed]):
            task.given.append(before)
            self.edge(before, task)
        self.current.pop()
        settle(dag, task, given, parent.default_args or dag.top.default_args)
        return task
