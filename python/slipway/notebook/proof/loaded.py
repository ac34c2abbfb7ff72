"""What a saved model answers by, part by part: answers to some rows do not tell a forest from one with a tree less."""

from __future__ import annotations

import hashlib
import inspect
import sys
from pathlib import Path
from typing import Any

from slipway.notebook.proof.values import code_text

#: How MLflow loads the two forms that `save` of a package writes.
ESTIMATOR = "mlflow.sklearn"
OBJECT = "mlflow.pyfunc.model"

#: What Python and MLflow give a class by themselves.
UNSAID = {"__slotnames__", "__static_attributes__", "__firstlineno__", "__annotations__", "__abstractmethods__", "_abc_impl"}

#: What `save` writes for what is no estimator; `predict` is that of the package.
ANSWERS = '''
def form(PythonModel, predictor, column):
    class Answers(PythonModel):
        """The predictor as MLflow calls it."""

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            """One answer for each row."""
            return predict(predictor, model_input.iloc[:, 0] if column else model_input)

    return Answers
'''


class Unlike(Exception):
    """The model is saved in a form that `save` of a package does not write; the message says in which."""


def flavors_of(folder: Path) -> dict[str, Any]:
    """The forms in which a saved model can be loaded, as its file MLmodel has them."""
    from mlflow.models import Model

    return dict(Model.load(str(folder)).flavors)


def faults_of(folder: Path, request: dict[str, Any]) -> list[str]:
    """What of a saved model is wrong whatever it answers: other servers would load another model, or code that is none of the package."""
    flavors = flavors_of(folder)
    pyfunc, sklearn = (flavors.get(name) or {} for name in ("python_function", "sklearn"))
    found = []
    if sklearn and (pyfunc.get("loader_module") != ESTIMATOR or pyfunc.get("model_path") != sklearn.get("pickled_model")):
        found.append("MLmodel names one model for MLflow, and another for scikit-learn")
    if sklearn and pyfunc.get("code") != sklearn.get("code"):
        found.append("MLmodel names one folder of code for MLflow, and another for scikit-learn")
    method = pyfunc.get("predict_fn") or "predict"
    if sklearn and method != request["method"]:
        found.append(f"it is asked by {method}, and the model of the notebook by {request['method']}")
    if pyfunc.get("code"):
        found += foreign_code(folder / pyfunc["code"], Path(request["src"]))
    return [*found, *unpinned(folder, Path(request["src"]).parent / "requirements.lock")]


def unpinned(folder: Path, lock: Path) -> list[str]:
    """Versions of the lock that servers would not install for the saved model; `save` of a package writes them all."""
    if not lock.exists():
        return []
    path = folder / "requirements.txt"
    known = pins_of(path) if path.exists() else []
    lacking = [f"{name}=={version}" for name, version in pins_of(lock) if (name, version) not in known]
    return [f"its requirements.txt does not have {lacking[0]} of requirements.lock"] if lacking else []


def pins_of(path: Path) -> list[tuple[str, str]]:
    """Names and versions of the lines that `save` of a package takes; MLflow writes the extras of a name once."""
    lines = [line.split(";")[0].split() for line in path.read_text(encoding="utf-8").splitlines()]
    pins = [words[0].partition("==") for words in lines if words and "==" in words[0]]
    return [(name.split("[")[0], version) for name, _, version in pins]


def foreign_code(code: Path, src: Path) -> list[str]:
    """Files that the saved model brings, and that are not those of the project."""
    found = []
    for path in sorted(one for one in code.rglob("*") if one.is_file() and "__pycache__" not in one.parts):
        inside = path.relative_to(code)
        if digest(path) not in (digest(src / inside), digest(src.parent / inside)):
            found.append(f"it brings {code.name}/{inside.as_posix()}, which is no file of the package as it is")
    return found


def digest(path: Path) -> str:
    """The digest of a file; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def parts_of(folder: Path, model: Any, request: dict[str, Any]) -> dict[str, Any]:
    """The model and the steps before it, as they were saved, by the names that the predictor has for them. Raises Unlike."""
    flavors = flavors_of(folder)
    loader = (flavors.get("python_function") or {}).get("loader_module")
    others = sorted(set(flavors) - {"python_function", "sklearn"})
    if others:
        raise Unlike(f"it is saved for {', '.join(others)}, too")
    if loader == ESTIMATOR:
        return steps_of(model._model_impl.sklearn_model, request["chain"])
    if loader == OBJECT:
        return fields_of(model.unwrap_python_model(), request["package"])
    raise Unlike(f"it is loaded by {loader}")


def steps_of(estimator: Any, chain: list[str]) -> dict[str, Any]:
    """An estimator, or the steps of a pipeline that ends with it."""
    if not chain:
        return {"model": estimator}
    from sklearn.pipeline import Pipeline

    if type(estimator) is not Pipeline or len(estimator.steps) != len(chain) + 1 or len(set(chain)) < len(chain):
        raise Unlike(f"it is saved as {type(estimator).__name__}, and not as a pipeline of {', '.join(chain)} and the model")
    if any(value for name, value in vars(estimator).items() if name != "steps"):
        raise Unlike("its pipeline has settings of its own")
    return dict(zip([*chain, "model"], [step for _, step in estimator.steps]))


def fields_of(answers: Any, package: str) -> dict[str, Any]:
    """What a predictor holds, of the object that asks it. Raises Unlike where that does anything else."""
    import mlflow.pyfunc

    space: dict[str, Any] = {}
    exec(ANSWERS, space)
    form = space["form"](mlflow.pyfunc.PythonModel, None, None)
    own, wanted = inspect.unwrap(type(answers).predict), inspect.unwrap(form.predict)
    asked = getattr(sys.modules.get(f"{package}.predict"), "predict", None)
    alike = (
        type(answers).__bases__ == form.__bases__
        and vars(type(answers)).keys() - UNSAID == vars(form).keys() - UNSAID
        and vars(answers).keys() <= {"_predict_type_hints"}
        and code_text(own.__code__) == code_text(wanted.__code__)
        and own.__defaults__ == wanted.__defaults__
        and asked is not None
        and own.__globals__.get("predict") is asked
    )
    if not alike:
        raise Unlike("the object that was saved asks otherwise than by predict of the package")
    held = dict(zip(own.__code__.co_freevars, own.__closure__ or ()))
    return dict(vars(held["predictor"].cell_contents))
