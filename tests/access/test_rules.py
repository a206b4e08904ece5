"""The rules by themselves: passwords, second factors, tokens, lockout, buckets, seals, roles, scopes."""

from __future__ import annotations

import datetime as dt

import pyotp
import pytest

from fundlink.access import buckets, lockout, passwords, roles, sealing, second_factor, tokens
from fundlink.domain.scope import EVERYWHERE, Scope, read_scope

NOW = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "11charslong", "password1234", "PASSWORD-2026", "Password!Password!", "123456789012", "abcdefghijkl", "qwertyuiop12",
        "aaaaaaaaaaaa", "abababababab", "abcabcabcabc", "1qaz2wsx3edc", "Administrator1", "fundlinkfundlink", "sato-taro-no-mono", "x" * 129,
        "ｐａｓｓｗｏｒｄ１２３４", "zyxwvutsrqponm",
    ],
)  # fmt: skip
def test_a_weak_password_is_refused(password: str) -> None:
    assert passwords.faults(password, ("sato", "P-77", "佐藤"))


@pytest.mark.parametrize(
    "password",
    ["Kumo no ue ni wa sora", "ねこがかわのむこうでないている", "tR7k-9vQx-2mLp", "kaze fuku oka no", "雨の日は本を読む 2026"],
)
def test_a_long_phrase_is_taken_whatever_characters_it_has(password: str) -> None:
    assert passwords.faults(password, ("sato", "P-77", "佐藤 太郎")) == []


@pytest.mark.real_hashes
def test_hashes_are_argon2id_with_the_wanted_cost() -> None:
    hashed = passwords.hashed("Kumo no ue ni wa sora")
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches("Kumo no ue ni wa sora", hashed)
    assert not passwords.matches("Kumo no ue ni wa sore", hashed)
    assert not passwords.matches("Kumo no ue ni wa sora", None)


def test_one_password_written_by_two_keyboards_is_one() -> None:
    assert passwords.matches("Ｋｕｍｏ no ue ni wa", passwords.hashed("Kumo no ue ni wa"))


def test_a_code_is_good_once_and_one_step_either_way() -> None:
    secret = second_factor.new_secret()
    step = int(NOW.timestamp()) // 30
    codes = {offset: pyotp.TOTP(secret).at((step + offset) * 30) for offset in range(-3, 4)}
    for offset, digits in codes.items():
        found = second_factor.used_step(secret, digits, NOW, last_step=0)
        assert found == (step + offset if abs(offset) <= 1 else None) or list(codes.values()).count(digits) > 1
    assert second_factor.used_step(secret, codes[0], NOW, last_step=step) is None
    assert second_factor.used_step(secret, codes[-1], NOW, last_step=step) is None
    assert second_factor.used_step(secret, codes[0][:3] + " " + codes[0][3:], NOW, last_step=0) == step
    for wrong in ("", "12345", "1234567", "abcdef", "１２３４５６"):
        assert second_factor.used_step(secret, wrong, NOW, last_step=0) is None


def test_keys_are_random_and_known_by_their_digest() -> None:
    made = [tokens.new_key() for _ in range(200)]
    assert len({key.shown for key in made}) == 200
    for key in made:
        assert tokens.prefix_of(key.shown) == key.prefix
        assert tokens.digest(key.shown) == key.sha256
        assert len(key.shown.split("_", 2)[2]) == 43  # 256 bits
    for wrong in ("", "flk_", made[0].shown + "x", made[0].shown[:-1], made[0].shown.upper(), " " + made[0].shown):
        assert tokens.prefix_of(wrong) is None


def test_a_form_token_is_bound_to_its_session_its_key_and_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    key = b"k" * 32
    token = tokens.form_token(key, "session")
    assert tokens.is_form_token(key, token, "session", max_age_s=60)
    assert not tokens.is_form_token(key, token, "another", max_age_s=60)
    assert not tokens.is_form_token(b"x" * 32, token, "session", max_age_s=60)
    # not its last character, of which not every bit counts
    assert not tokens.is_form_token(key, token[:-2] + ("a" if token[-2] != "a" else "b") + token[-1], "session", max_age_s=60)
    assert not tokens.is_form_token(key, token, "session", max_age_s=-1)
    assert not tokens.is_form_token(key, "", "session", max_age_s=60)


def test_a_sealed_secret_opens_in_its_place_only() -> None:
    key = b"k" * 32
    sealed = sealing.seal(key, "JBSWY3DP", "a/1")
    assert sealing.opened(key, sealed, "a/1") == "JBSWY3DP"
    assert sealing.opened(key, sealed, "a/2") is None
    assert sealing.opened(b"x" * 32, sealed, "a/1") is None
    assert sealing.opened(key, sealed[:-4] + "AAA=", "a/1") is None
    assert sealing.opened(key, "nonsense", "a/1") is None
    assert sealing.seal(key, "JBSWY3DP", "a/1") != sealed


def test_waiting_grows_and_has_an_end() -> None:
    waits = [lockout.wait_s(failures) for failures in range(60)]
    assert waits == sorted(waits)
    assert waits[: lockout.FREE] == [0] * lockout.FREE
    assert waits[-1] == lockout.LONGEST_S


def test_a_bucket_empties_and_fills_by_the_clock() -> None:
    now = [0.0]
    bucket = buckets.Buckets(2, 4, lambda: now[0])
    assert [bucket.wait_s("a") for _ in range(5)] == [0, 0, 0, 0, 1]
    assert bucket.wait_s("b") == 0
    now[0] = 0.5
    assert [bucket.wait_s("a") for _ in range(2)] == [0, 1]
    now[0] = 100.0
    assert [bucket.wait_s("a") for _ in range(5)] == [0, 0, 0, 0, 1]


def test_a_bucket_forgets_clients_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MOST_CLIENTS", 50)
    now = [0.0]
    bucket = buckets.Buckets(1, 1, lambda: now[0])
    for number in range(500):
        now[0] += 0.01
        bucket.wait_s(f"client {number}")
    assert len(bucket._held) <= 50


def test_no_role_prepares_and_approves_the_same_money_and_admin_has_none() -> None:
    money = [pair for pair in roles.PAIRS if pair not in ("profile", "users")]
    for role in roles.ROLES:
        both = [pair for pair in money if roles.may([role.name], f"{pair}.prepare") and roles.may([role.name], f"{pair}.approve")]
        assert both == [], role.name
    for permission in roles.PERMISSIONS:
        writes = not permission.name.endswith(".read")
        assert not (writes and "U" in permission.letters), "監査 only reads"
        assert "M" not in permission.letters or permission.name.split(".")[0] in (
            "users",
            "keys",
            "profile",
            "profiles",
            "audit",
            "readiness",
        )
        assert "V" not in permission.letters or not permission.name.endswith(".approve")


def test_a_scope_covers_what_it_names() -> None:
    scope = Scope(frozenset({"990019"}), frozenset({"101"}))
    assert scope.covers("990019", "101")
    assert not scope.covers("990019", "102")
    assert not scope.covers("990027", "101")
    assert not scope.covers("")
    assert EVERYWHERE.covers("")
    assert read_scope(*scope.written()) == scope
    assert read_scope(*EVERYWHERE.written()) == EVERYWHERE
    assert not Scope(frozenset()).covers("990019")
