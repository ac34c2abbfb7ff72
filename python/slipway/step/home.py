"""The home folder of an attempt: caches of its own to write, and links to what the user of the server has in theirs, to be read."""

from __future__ import annotations

import os

#: Entries of a home that are removed where it is at hand; what is more is left to the server.
MOST = 500
#: Folders in which libraries keep caches and settings: an attempt has each for itself. What it makes beside them has to be allowed.
OWN = (".cache", ".config", ".local/share", ".keras", ".triton", ".nv", "scikit_learn_data", "nltk_data", "seaborn-data")
#: Of caches, whose entries are not linked, those of downloads are, down to where a new one is put beside those that are there.
DOWNLOADS = ("huggingface", "huggingface/hub", "huggingface/datasets", "torch", "torch/hub", "torch/hub/checkpoints", "matplotlib")
DATA = (".keras/datasets", ".keras/models", "nltk_data/corpora", "nltk_data/taggers", "nltk_data/tokenizers")
#: Folders of a home that are real; everything else in it is a link.
REAL = frozenset((*OWN, ".local", *(f".cache/{name}" for name in DOWNLOADS), *DATA))


def make_home(place: str, user: str, linked: list[str]) -> list[str]:
    """Makes the folder at ``place``, which is not there yet, for what lies in the home ``user`` (there may be none: ""), and returns the
    folders of it that the attempt may write. Folders that it may write anyway (``linked``) are linked whole. Raises OSError."""
    made = {"": place}
    for name in OWN:
        make_folder(made, place, name)
    if user != "":
        fill(made, user, "", frozenset(linked))
        for path in linked:
            name = os.path.relpath(path, user)
            if name != "." and not name.startswith(".."):
                os.makedirs(os.path.dirname(os.path.join(place, name)), exist_ok=True)
                link(user, place, name)
    return [os.path.join(place, name) for name in OWN]


def make_folder(made: dict[str, str], place: str, name: str) -> None:
    """A real folder, with those above it."""
    if name not in made:
        above, _, _ = name.rpartition("/")
        if above != "":
            make_folder(made, place, above)
        elif len(made) == 1:
            os.mkdir(place, 0o700)
        made[name] = f"{place}/{name}"
        os.mkdir(made[name], 0o700)


def fill(made: dict[str, str], user: str, folder: str, linked: frozenset[str]) -> None:
    """Links what a folder of the user holds, and goes into those that are real."""
    for name in names_in(os.path.join(user, folder)):
        path = f"{folder}/{name}" if folder else name
        if os.path.join(user, path) in linked:
            link(user, made[""], path)
        elif path in REAL:
            make_folder(made, made[""], path)
            fill(made, user, path, linked)
        elif folder != ".cache":
            # what lies in a cache that nobody knows may be taken for the step's own and changed in place
            link(user, made[""], path)


def names_in(folder: str) -> list[str]:
    """What a folder of the user holds; nothing where it is not there, or its owner has closed it to us."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def link(user: str, place: str, name: str) -> None:
    """Links what the user has; what is there already stays."""
    # `contextlib` would cost each start more than all of this
    try:  # noqa: SIM105
        os.symlink(os.path.join(user, name), os.path.join(place, name))
    except FileExistsError:
        pass


def remove_home(place: str) -> None:
    """Removes what ``make_home`` made, which costs far less here than by a server that waits for each call, as far as it is little and can
    be removed. Nothing is followed, since the step may have put links where folders were."""
    try:
        left = empty(os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW), MOST)
        if left >= 0:
            os.rmdir(place)
    except OSError:
        pass


def empty(folder: int, most: int) -> int:
    """Removes up to ``most`` entries of an open folder, and closes it; how many more there may be, below 0 where it is not empty now."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                most -= 1
                if most >= 0 and entry.is_dir(follow_symlinks=False):
                    most = empty(os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder), most)
                    if most >= 0:
                        os.rmdir(entry.name, dir_fd=folder)
                elif most >= 0:
                    os.unlink(entry.name, dir_fd=folder)
                if most < 0:
                    break
    finally:
        os.close(folder)
    return most
