"""The one exception that lowering raises for a model it cannot express."""


class Refused(Exception):
    """The model stays with Python; the text says which part and why."""


def class_path(thing: object) -> str:
    """The dotted path of an object's class, as refusals name it."""
    kind = getattr(thing, "wrapped_class", None) or type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"
