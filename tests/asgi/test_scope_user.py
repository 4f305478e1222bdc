import pytest

from llmgw_middleware.asgi import scope_user
from llmgw_middleware.entry import Found


def found_in(scope, headers) -> Found:
    found = scope_user.found_in(scope, headers)
    assert found is not None
    return found


class User:
    is_authenticated = True

    def __init__(self, **values):
        self.__dict__.update(values)


class Promises(User):
    """Like Starlette's ``SimpleUser``, whose ``identity`` is only promised."""

    display_name = "alice"

    @property
    def identity(self):
        raise NotImplementedError


USERS = [
    pytest.param({"user": User(id=7)}, "7", id="id"),
    pytest.param({"user": User(id=0)}, "0", id="zero-is-an-id"),
    pytest.param({"user": User(pk=8, username="bob")}, "8", id="pk"),
    pytest.param({"user": User(id=None, username="bob")}, "bob", id="username"),
    pytest.param({"user": Promises()}, "alice", id="display-name"),
    pytest.param({"user": {"id": 9}}, "9", id="mapping"),
    pytest.param({"session": {"user_id": 5}}, "5", id="session"),
    pytest.param({"user": User(id=7), "session": {"user_id": 5}}, "7", id="user-before-session"),
]
NOBODY = [
    pytest.param({"user": None}, id="none"),
    pytest.param({"user": User(is_authenticated=False, id=7)}, id="not-logged-in"),
    pytest.param({"user": User(is_authenticated=lambda: False, id=7)}, id="a-method"),
    pytest.param({"user": User(is_authenticated=False), "session": {"user_id": 5}}, id="the-user-decides"),
    pytest.param({"session": {}}, id="empty-session"),
    pytest.param({"session": {"user_id": ""}}, id="empty-id"),
]


@pytest.mark.parametrize(("scope", "expected"), USERS)
def test_who_is_logged_in_is_found(scope, expected):
    found = found_in(scope, {})
    assert (found.id, found.source) == (expected, "session")


@pytest.mark.parametrize("scope", NOBODY)
def test_who_is_not_is_anonymous(scope):
    found = found_in(scope, {})
    assert (found.id, found.source) == ("", "none")


def test_the_session_may_keep_the_id_under_another_name():
    found = scope_user.found_in({"session": {"uid": 5, "user_id": 6}}, {}, "uid")
    assert found is not None
    assert found.id == "5"


def test_a_scope_without_either_says_nothing():
    assert scope_user.found_in({"path": "/"}, {}) is None


def test_a_user_without_an_id_is_never_anonymous():
    with pytest.raises(TypeError, match="pass identify="):
        found_in({"user": User()}, {})


def test_attributes_can_be_read_off_both():
    user, session = User(id=7), {"country": "DE"}
    assert found_in({"user": user, "session": session}, {}).subjects == {"user": user, "session": session}


@pytest.mark.parametrize(
    ("authorization", "source"),
    [
        ("Bearer abc", "token"),
        ("Token abc", "token"),
        ("Basic YTpi", "session"),
        ("Negotiate x", "session"),
        ("", "session"),
    ],
)
def test_what_a_browser_sends_by_itself_is_no_token(authorization, source):
    assert found_in({"user": User(id=7)}, {"authorization": authorization}).source == source
