"""The one exception that lowering raises for a model it cannot express."""


class Refused(Exception):
    """The model stays with Python; the text says which part and why."""


def class_path(value: object) -> str:
    """The dotted path of an object's class, as refusals name it."""
    kind = getattr(value, "wrapped_class", None) or type(value)
    return f"{kind.__module__}.{kind.__qualname__}"
