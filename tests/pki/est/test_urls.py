"""Where an EST server may be."""

from __future__ import annotations

import pytest

from agent.pki.enrolment_errors import UnsupportedUrlError
from agent.pki.est.urls import OPERATIONS, check_url, operation_url


@pytest.mark.parametrize(
    ("configured", "used"),
    [
        ("https://ca.example.com/.well-known/est", "https://ca.example.com/.well-known/est"),
        ("https://ca.example.com/.well-known/est/", "https://ca.example.com/.well-known/est"),
        ("https://ca:8443/.well-known/est/routers", "https://ca:8443/.well-known/est/routers"),
        ("https://192.0.2.1/.well-known/est/a-b.c_d~1/", "https://192.0.2.1/.well-known/est/a-b.c_d~1"),
        ("https://[2001:db8::1]:8443/.well-known/est", "https://[2001:db8::1]:8443/.well-known/est"),
        ("https://ca/.well-known/est/a%20b", "https://ca/.well-known/est/a%20b"),
    ],
)
def test_urls(configured, used):
    assert check_url(configured) == used
    assert operation_url(check_url(configured), "cacerts") == used + "/cacerts"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://ca/.well-known/est", "EST needs TLS"),
        ("ftp://ca/.well-known/est", "begins with https://"),
        ("ca/.well-known/est", "begins with https://"),
        ("https:///.well-known/est", "."),
        ("https://ca", "is fixed: write https://host/.well-known/est"),
        ("https://ca/", "is fixed"),
        ("https://ca/est", "is fixed"),
        ("https://ca/.well-known/est2", "is fixed"),
        ("https://ca/.WELL-KNOWN/est", "is fixed"),
        ("https://ca/x/.well-known/est", "is fixed"),
        ("https://ca/.well-known/est/a/b", "at most one label"),
        ("https://ca/.well-known/est//", "at most one label"),
        ("https://ca/.well-known/est/a%2Fb/c", "at most one label"),
        ("https://ca/.well-known/est/..", "."),
        ("https://ca/.well-known/est?x=1", "no ? or #"),
        ("https://ca/.well-known/est#x", "no ? or #"),
        ("https://user:secret@ca/.well-known/est", "no user name or password"),
        ("https://ca:99999/.well-known/est", "can't be understood"),
        ("https://[::1/.well-known/est", "can't be understood"),
        ("https://ca/.well-known/est/a b", "no spaces"),
        ("https://ca/.well-known/est/\r\nX: y", "no spaces"),
        ("https://ä/.well-known/est", "ASCII"),
        ("https://ca/.well-known/est/" + "x" * 1024, "at most 1024"),
        ("", "."),
    ],
)
def test_urls_that_are_refused(url, said):
    with pytest.raises(UnsupportedUrlError) as caught:
        check_url(url)
    assert said in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_an_operation_is_no_label(operation):
    with pytest.raises(UnsupportedUrlError, match=f"remove /{operation}"):
        check_url(f"https://ca/.well-known/est/{operation}")
