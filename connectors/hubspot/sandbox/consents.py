"""Communication-preference endpoints, v4 and the older v3 that HubSpot's Python client still speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from starlette.responses import Response

from connectors.hubspot.sandbox.account import Account
from connectors.hubspot.sandbox.answers import Refused, answer, batch, invalid, standard_error
from connectors.hubspot.sandbox.call import Call, text_of
from connectors.hubspot.sandbox.catalogue import EMAIL
from connectors.hubspot.sandbox.preferences import LEGAL_BASES, STATES, SUBSCRIPTIONS, NoResubscribe

REFUSED_GRANT = "The contact has unsubscribed by themselves and can only be resubscribed with a legal basis"


def definitions(account: Account, _call: Call) -> Response:
    return answer(200, {"status": "COMPLETE", "results": account.preferences.definitions()})


def statuses(account: Account, call: Call) -> Response:
    _channel(call.one("channel"))
    own = _address(unquote(call.path["subscriberIdString"]))
    return answer(200, {"status": "COMPLETE", "results": [account.preferences.status(own, s) for s in SUBSCRIPTIONS]})


def write(account: Account, call: Call) -> Response:
    own = _address(unquote(call.path["subscriberIdString"]))
    shown = _write(account, own, call.body())
    return answer(200, {"status": "COMPLETE", "results": [shown]})


def _write(account: Account, own: str, item: Mapping[str, Any]) -> dict[str, Any]:
    subscription, state, basis = item.get("subscriptionId"), item.get("statusState"), item.get("legalBasis")
    _channel(item.get("channel"))
    if not isinstance(subscription, int) or subscription not in SUBSCRIPTIONS:
        raise invalid(f"Subscription {subscription} does not exist")
    if state not in STATES:
        raise invalid(f"Invalid input JSON: statusState must be one of {', '.join(STATES)}")
    if basis is not None and basis not in LEGAL_BASES:
        raise invalid("Invalid input JSON: unknown legalBasis")
    try:
        reason = account.preferences.write(own, subscription, str(state), basis)
    except NoResubscribe as refused:
        raise invalid(REFUSED_GRANT) from refused
    return account.preferences.status(own, subscription, reason)


def batch_write(account: Account, call: Call) -> Response:
    results, errors = [], []
    for item in call.inputs():
        own = _address(text_of(item.get("subscriberIdString"), "subscriberIdString"))
        try:
            results.append(_write(account, own, item))
        except Refused as refused:
            if refused.response.status_code != 400 or REFUSED_GRANT.encode() not in refused.response.body:
                raise
            errors.append(standard_error("VALIDATION_ERROR", REFUSED_GRANT, {"subscriberIdString": [own]}))
    return batch(account.clock(), results, errors)


def batch_read(account: Account, call: Call) -> Response:
    shown = [
        {"subscriberIdString": own, "statuses": [account.preferences.status(own, s) for s in SUBSCRIPTIONS]}
        for own in _strings(call)
    ]
    return batch(account.clock(), shown, [])


def unsubscribe_all(account: Account, call: Call) -> Response:
    _channel(call.one("channel"))
    own = _address(unquote(call.path["subscriberIdString"]))
    changed = account.preferences.unsubscribe_all(own, by_person=False)
    return answer(200, {"status": "COMPLETE", "results": _all(account, own, changed=changed)})


def _all(account: Account, own: str, *, changed: bool) -> list[dict[str, Any]]:
    reason = "UNSUBSCRIBE_FROM_ALL_OCCURRED" if changed else "NO_STATUS_CHANGE"
    return [account.preferences.status(own, subscription, reason) for subscription in SUBSCRIPTIONS]


def unsubscribed_all(account: Account, call: Call) -> Response:
    own = _address(unquote(call.path["subscriberIdString"]))
    return answer(200, {"status": "COMPLETE", "results": account.preferences.wide_status(own)})


def batch_unsubscribe_all(account: Account, call: Call) -> Response:
    _channel(call.one("channel"))
    results = []
    for own in _strings(call):
        changed = account.preferences.unsubscribe_all(own, by_person=False)
        shown: dict[str, Any] = {"subscriberIdString": own}
        if call.flag("verbose"):
            shown["statuses"] = _all(account, own, changed=changed)
        results.append(shown)
    return batch(account.clock(), results, [])


def batch_unsubscribed_all(account: Account, call: Call) -> Response:
    shown = [
        {"subscriberIdString": own, "wideStatuses": account.preferences.wide_status(own)} for own in _strings(call)
    ]
    return batch(account.clock(), shown, [])


def v3_definitions(account: Account, _call: Call) -> Response:
    return answer(200, {"subscriptionDefinitions": account.preferences.definitions()})


def v3_status(account: Account, call: Call) -> Response:
    own = _address(unquote(call.path["emailAddress"]))
    return answer(200, {"recipient": own, "subscriptionStatuses": account.preferences.v3_statuses(own)})


def v3_unsubscribe(account: Account, call: Call) -> Response:
    return _v3_write(account, call, "UNSUBSCRIBED")


def v3_subscribe(account: Account, call: Call) -> Response:
    return _v3_write(account, call, "SUBSCRIBED")


def _v3_write(account: Account, call: Call, state: str) -> Response:
    body = call.body()
    own = _address(text_of(body.get("emailAddress"), "emailAddress"))
    wanted = text_of(body.get("subscriptionId"), "subscriptionId")
    if not wanted.isdigit() or int(wanted) not in SUBSCRIPTIONS:
        raise invalid(f"Subscription {wanted} does not exist")
    _write(
        account,
        own,
        {"subscriptionId": int(wanted), "statusState": state, "channel": "EMAIL", "legalBasis": body.get("legalBasis")},
    )
    return answer(200, next(s for s in account.preferences.v3_statuses(own) if s["id"] == wanted))


def _strings(call: Call) -> list[str]:
    inputs = call.body().get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(item, str) for item in inputs):
        raise invalid("Invalid input JSON on line 1: 'inputs' is missing or not a list of texts")
    return [_address(item) for item in inputs]


def _address(text: str) -> str:
    if not EMAIL.fullmatch(text.strip()):
        raise invalid(f"{text} is not a valid email address")
    return text.strip().lower()


def _channel(said: object) -> None:
    if said != "EMAIL":
        raise invalid("channel is required and must be EMAIL")
