"""For whom the application calls."""

import logging
import threading
from types import SimpleNamespace

import pytest

from llmgw_middleware.client import identity_of
from llmgw_middleware.model.identity import ANONYMOUS, Identity
from tests.client.calling import User, config, serving


class Promising:
    """As Starlette's BaseUser: some of its properties only promise."""

    username = "eve"

    @property
    def identity(self):
        raise NotImplementedError


class FromFlaskLogin:
    """Its id is what ``get_id`` says, and older ones have ``is_authenticated`` as a method."""

    tier = "premium"

    def is_authenticated(self):
        return True

    def get_id(self):
        return "17"


NOBODY = [None, SimpleNamespace(pk=None, is_authenticated=False), ANONYMOUS, Identity()]

IDS = {
    "text": ("42", "42"),
    "a Django user": (SimpleNamespace(pk=42, id=1), "42"),
    "an object with an id of zero": (SimpleNamespace(id=0), "0"),
    "flask-login's": (FromFlaskLogin(), "17"),
    "Starlette's": (Promising(), "eve"),
    "a mapping": ({"id": 42}, "42"),
    "an identity": (Identity(id="42"), "42"),
}

TIERS = {
    "an object's own": (User(tier="premium"), "premium"),
    "a mapping's": ({"tier": "premium"}, "premium"),
    "an identity's": (Identity(id="1", attributes={"tier": "premium"}), "premium"),
    "the default for an id alone": ("42", "free"),
    "the default for nobody": (None, "free"),
    "the default for who is not logged in": (User(is_authenticated=False), "free"),
}


@pytest.mark.parametrize("user", NOBODY, ids=repr)
def test_nobody_is_anonymous(gateway, user):
    identity = identity_of(gateway, user)
    assert (identity.id, identity.authenticated) == ("", False)


@pytest.mark.parametrize(("user", "id_"), IDS.values(), ids=IDS)
def test_the_id_is_found(gateway, user, id_):
    assert identity_of(gateway, user).id == id_


@pytest.mark.parametrize(("user", "tier"), TIERS.values(), ids=TIERS)
def test_the_attributes_are_found(gateway, user, tier):
    assert identity_of(gateway, user).attributes["tier"] == tier


def test_nobody_calls_without_a_warning(gateway, caplog):
    with caplog.at_level(logging.WARNING):
        identity_of(gateway, None)
    assert (caplog.records, gateway.attributes.failures.total()) == ([], 0)


def test_a_path_that_starts_at_the_session_has_its_default_and_no_warning(upstream, caplog):
    rules = {"attributes": {"tier": "user.tier", "country": "session.country"}, "default": {"country": "CH"}}
    with serving(config(upstream.url, identity=rules)) as gateway:
        assert identity_of(gateway, User()).attributes == {"tier": "premium", "country": "CH"}
    assert not caplog.records


def test_given_attributes_and_a_session_key_win(gateway):
    identity = identity_of(gateway, User(), attributes={"tier": "trial", "staff": True}, session_key="s-9")
    assert (identity.attributes, identity.session_key) == ({"tier": "trial", "staff": True}, "s-9")


def test_an_identity_keeps_its_session_key(gateway):
    assert identity_of(gateway, Identity(id="1", session_key="s-1")).session_key == "s-1"


@pytest.mark.parametrize(
    "user", ["42", {"tier": "free"}, User(), Identity(id="1", source="session"), Identity(id="1")], ids=repr
)
def test_the_source_is_a_token_as_no_browser_is_involved(gateway, user):
    assert identity_of(gateway, user).source == "token"


def test_what_was_given_is_not_changed(gateway):
    given = {"id": "1"}
    identity_of(gateway, given, attributes={"tier": "x"})
    assert given == {"id": "1"}


@pytest.mark.parametrize("user", [object(), 42, "", SimpleNamespace(pk=None)], ids=repr)
def test_a_user_without_an_id_is_refused_and_never_anonymous(gateway, user):
    with pytest.raises(TypeError, match="pass its id as text"):
        identity_of(gateway, user)


def test_the_users_object_is_read_on_the_calling_thread_and_only_while_the_client_is_made(gateway):
    read = []

    class Watched:
        pk = 1

        @property
        def tier(self):
            read.append(threading.current_thread())
            return "premium"

    with gateway.client(user=Watched()) as client:
        client.get("/v1/models")
    assert read == [threading.current_thread()]
