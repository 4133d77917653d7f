"""What counts as a response of a person, by use."""

from typing import Any

import pytest

from features.responses import (
    ACTIVE_RESPONSES,
    CLICKS_AND_REPLIES,
    EMAIL_RESPONSES,
    INTEREST_RESPONSES,
    RESPONSES,
    is_human_response,
)


@pytest.mark.parametrize(
    ("kinds", "responses"),
    [
        (RESPONSES, {"opened", "clicked", "replied", "attended", "form_submitted"}),
        (EMAIL_RESPONSES, {"opened", "clicked", "replied"}),
        (INTEREST_RESPONSES, {"clicked", "replied", "attended", "form_submitted"}),
        (CLICKS_AND_REPLIES, {"clicked", "replied"}),
        (ACTIVE_RESPONSES, {"replied", "attended", "form_submitted"}),
    ],
)
def test_only_people_respond(build: Any, kinds: tuple[str, ...], responses: set[str]) -> None:
    """A touch of which nobody knows whether a machine did it counts as a person's."""
    named = (
        "sent",
        "delivered",
        "bounced",
        "opened",
        "clicked",
        "replied",
        "unsubscribed",
        "attended",
        "form_submitted",
    )
    touches = [
        {"touch_id": f"{kind} {machine}", "kind": kind, "machine": machine, "happened_at": "2024-01-01"}
        for kind in named
        for machine in (True, False, None)
    ]
    table = build(touches=touches).tables["touches"]
    found = set(table.filter(is_human_response(table, kinds)).execute()["touch_id"])
    assert found == {f"{kind} {machine}" for kind in responses for machine in (False, None)}
