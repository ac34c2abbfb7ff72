"""Uses a GitLab as python-gitlab does. Arguments: its address, the token, the commit. Prints what it saw and how it was refused, as JSON."""

import json
import sys

import gitlab


def refused(act: object, *given: object) -> str:
    try:
        act(*given)  # type: ignore[operator]
    except gitlab.exceptions.GitlabError as error:
        return f"{error.response_code} {error.error_message}"
    return "taken"


def main() -> None:
    url, token, sha = sys.argv[1:]
    client = gitlab.Gitlab(url, private_token=token)
    client.auth()
    project = client.projects.get(5)
    request = project.mergerequests.get(3)
    notes = request.notes.list(get_all=True, per_page=100, sort="asc", order_by="created_at")
    note = request.notes.create({"body": "first"})
    note.body = "second"
    note.save()
    changed = request.notes.get(note.id).body
    note.delete()
    statuses = project.commits.get(sha, lazy=True).statuses
    given = {"state": "success", "name": "n", "description": "d", "target_url": "https://slipway.example"}
    made = statuses.create(given)
    waiting = {**given, "state": "pending"}
    statuses.create(waiting)
    print(
        json.dumps(
            {
                "user": client.user.id if client.user else None,
                "head": request.sha,
                "notes": [one.id for one in notes],
                "changed": changed,
                "gone": refused(request.notes.get, note.id),
                "empty": refused(request.notes.create, {"body": " "}),
                "status": [made.status, made.name],
                "twice": refused(statuses.create, waiting),
                "state": refused(statuses.create, {**given, "state": "good"}),
                "nobody": refused(gitlab.Gitlab(url, private_token="wrong").auth),
            },
        ),
    )


main()
