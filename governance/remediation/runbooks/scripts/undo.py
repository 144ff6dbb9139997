"""Make the calls that put back what a runbook changed; all of them, also when one fails."""

import json
from typing import Any

import boto3


def handler(events: dict[str, Any], _context: Any) -> dict[str, Any]:
    """``Undo``: JSON, a list of service, operation and parameters. ``Allowed``: what may be among them, as ``service:operation``.

    Raises ValueError before anything is called if another call is asked for; RuntimeError at the end if one failed.
    """
    calls = json.loads(events["Undo"])
    strange = sorted({f"{call['service']}:{call['operation']}" for call in calls} - set(events["Allowed"]))
    if strange:
        raise ValueError(f"not a call of this runbook: {', '.join(strange)}")
    done: list[str] = []
    failed: list[str] = []
    for call in calls:
        what = f"{call['service']}:{call['operation']}"
        try:
            getattr(boto3.client(call["service"]), call["operation"])(**call["parameters"])
            done.append(what)
        except Exception as error:  # noqa: BLE001 - the others are put back all the same; raised below
            code = getattr(error, "response", {}).get("Error", {}).get("Code")
            if code == "NoSuchEntity" and call["operation"].startswith("delete_"):
                done.append(f"{what} (it was not there)")  # the step that failed was the one that would have put it
            else:
                failed.append(f"{what}: {error}")
    if failed:
        raise RuntimeError(f"could not put back {'; '.join(failed)}")
    return {"Done": done}
