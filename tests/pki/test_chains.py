"""Chains of CAs: their order found again, and each defect named."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki import chain_errors as errors
from agent.pki.chains import MAX_TIERS, order_chain, subject_of, verify_issued, verify_links
from tests.pki.authorities import START, Authority, key_usage, line, make_certificate, name, rsa_key
from tests.pki.trustpoints import openssl

NOW = START + timedelta(days=10)


def certificates(authorities):
    return [authority.certificate for authority in authorities]


@pytest.mark.parametrize("tiers", range(1, MAX_TIERS + 1))
def test_order_is_found_again(tiers):
    chain = certificates(line(tiers))
    shuffled = random.Random(tiers).sample(chain, tiers)
    assert list(order_chain(shuffled)) == chain
    assert verify_links(chain, NOW) is False


def test_openssl_agrees_on_eight_tiers(tmp_path):
    chain = certificates(line(8))
    paths = [tmp_path / f"{tier}.pem" for tier in range(8)]
    for path, certificate in zip(paths, chain, strict=True):
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
    untrusted = [argument for path in paths[1:-1] for argument in ("-untrusted", path)]
    openssl("verify", "-x509_strict", "-attime", int(NOW.timestamp()), "-CAfile", paths[0], *untrusted, paths[-1])


def test_names_alone_are_enough():
    root = Authority.root("Root", identifiers=False)
    sub = root.sub("Sub", identifiers=False)
    assert order_chain(certificates([sub, root])) == tuple(certificates([root, sub]))


def test_two_cas_of_one_name_are_told_apart_by_their_keys():
    """A CA that got a new key keeps its name."""
    old, new = Authority.root("Root", key=0), Authority.root("Root", key=1)
    sub = new.sub("Sub", key=2)
    assert order_chain([sub.certificate, new.certificate]) == (new.certificate, sub.certificate)
    with pytest.raises(errors.BranchedChainError):
        order_chain(certificates([old, new, sub]))
    with pytest.raises(errors.BrokenChainError):
        order_chain(certificates([old, sub]))


def test_without_identifiers_the_signature_decides():
    old = Authority.root("Root", key=0, identifiers=False)
    new_key = rsa_key(1)
    cross = make_certificate(name("Root"), name("Root"), new_key.public_key(), rsa_key(0), ca=True, identifiers=False)
    link = Authority(new_key, cross)
    sub = link.sub("Sub", key=2, identifiers=False)
    assert order_chain(certificates([sub, link, old])) == tuple(certificates([old, link, sub]))


def test_ninth_tier():
    with pytest.raises(errors.ChainTooLongError) as caught:
        order_chain(certificates(line(9)))
    assert (caught.value.tiers, caught.value.limit) == (9, 8)


def test_nothing():
    for check in (order_chain, lambda chain: verify_links(chain, NOW)):
        with pytest.raises(errors.EmptyChainError):
            check([])


def test_duplicate():
    root, sub = certificates(line(2))
    with pytest.raises(errors.DuplicateCertificateError) as caught:
        order_chain([root, sub, root])
    assert caught.value.subject == "CN=Tier 1"


def test_missing_link():
    chain = certificates(line(4))
    with pytest.raises(errors.BrokenChainError) as caught:
        order_chain([chain[0], chain[1], chain[3]])
    assert (caught.value.subject, caught.value.issuer) == ("CN=Tier 4", "CN=Tier 3")


def test_missing_root_is_allowed_on_request():
    chain = certificates(line(3))
    with pytest.raises(errors.BrokenChainError):
        order_chain(chain[1:])
    assert list(order_chain(chain[1:], partial=True)) == chain[1:]
    with pytest.raises(errors.BranchedChainError):
        order_chain([chain[0], chain[2]], partial=True)


def circle(*numbers):
    """CAs that issue each other."""
    return [
        make_certificate(name(f"Circle {n}"), name(f"Circle {o}"), rsa_key(n).public_key(), rsa_key(o), ca=True)
        for n, o in zip(numbers, [*numbers[1:], numbers[0]], strict=True)
    ]


@pytest.mark.parametrize("beside", [0, 2])
def test_loop(beside):
    with pytest.raises(errors.ChainLoopError) as caught:
        order_chain([*certificates(line(beside)), *circle(0, 1, 2)] if beside else circle(0, 1, 2))
    assert set(caught.value.subjects) == {"CN=Circle 0", "CN=Circle 1", "CN=Circle 2"}


def test_a_branch():
    root = Authority.root("Root")
    with pytest.raises(errors.BranchedChainError) as caught:
        order_chain(certificates([root.sub("A"), root, root.sub("B", key=2)]))
    assert set(caught.value.subjects) == {"CN=A", "CN=B"}


def test_two_roots():
    with pytest.raises(errors.BranchedChainError):
        order_chain(certificates([Authority.root("A"), Authority.root("B", key=1)]))


@pytest.mark.parametrize(
    "options", [{"ca": False}, {"ca": None}, {"usage": key_usage(crl_sign=True)}], ids=["ca false", "none", "usage"]
)
def test_no_ca(options):
    root = Authority.root("Root")
    chain = certificates([root, root.sub("Sub", **options)])
    with pytest.raises(errors.NotACaError) as caught:
        verify_links(chain, NOW)
    assert caught.value.subject == "CN=Sub"


def test_path_length():
    root = Authority.root("Root", path_length=1)
    sub = root.sub("Sub", path_length=0)
    assert not verify_links(certificates([root, sub]), NOW)
    below = sub.sub("Below", key=2)
    with pytest.raises(errors.PathLengthError) as caught:
        verify_links(certificates([root, sub, below]), NOW)
    assert (caught.value.subject, caught.value.allowed, caught.value.found) == ("CN=Root", 1, 2)


@pytest.mark.parametrize(("at", "text"), [(-1, "not valid before"), (366, "expired at 2025-03-01T12:00:00Z")])
def test_outside_of_its_validity(at, text):
    with pytest.raises(errors.CertificateNotValidError, match=text):
        verify_links(certificates(line(2)), START + timedelta(days=at))


def test_wrong_signature():
    root = Authority.root("Root")
    forged = make_certificate(
        name("Sub"), name("Root"), rsa_key(1).public_key(), rsa_key(2), issuer_key=rsa_key(0).public_key(), ca=True
    )
    assert order_chain([forged, root.certificate]) == (root.certificate, forged)
    with pytest.raises(errors.WrongSignatureError) as caught:
        verify_links([root.certificate, forged], NOW)
    assert (caught.value.subject, caught.value.issuer) == ("CN=Sub", "CN=Root")


def test_forged_root():
    forged = make_certificate(
        name("Root"), name("Root"), rsa_key(0).public_key(), rsa_key(1), issuer_key=rsa_key(0).public_key(), ca=True
    )
    with pytest.raises(errors.WrongSignatureError):
        verify_links(order_chain([forged]), NOW)


def test_wrong_order_is_a_broken_link():
    with pytest.raises(errors.BrokenChainError):
        verify_links(certificates(line(3))[::-1], NOW)


def issue_by_openssl(folder, digest, *, ca_digest="sha256"):
    """A root and a CA below it whose signature uses any digest: openssl still makes those."""
    for who, more in (("root", ("-x509", f"-{ca_digest}", "-days", "30")), ("sub", ())):
        extensions = ("-addext", "basicConstraints=critical,CA:true") if who == "sub" else ()
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={who}", *more, *extensions,
                "-keyout", folder / f"{who}.key", "-out", folder / f"{who}.pem")  # fmt: skip
    openssl("x509", "-req", "-in", folder / "sub.pem", "-CA", folder / "root.pem", "-CAkey", folder / "root.key",
            "-CAcreateserial", f"-{digest}", "-copy_extensions", "copy", "-days", "30", "-out", folder / "s.pem",
            )  # fmt: skip
    return [x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes()) for name in ("root", "s")]


def test_sha1_only_on_request(tmp_path):
    chain = issue_by_openssl(tmp_path, "sha1")
    at = chain[1].not_valid_before_utc
    with pytest.raises(errors.SignatureNotAllowedError) as caught:
        verify_links(chain, at)
    assert (caught.value.subject, caught.value.algorithm) == ("CN=sub", "sha1")
    assert verify_links(chain, at, allow_sha1=True) is True


def test_md5_never(tmp_path):
    chain = issue_by_openssl(tmp_path, "md5")
    with pytest.raises(errors.SignatureNotAllowedError, match="md5"):
        verify_links(chain, chain[1].not_valid_before_utc, allow_sha1=True)


def test_the_digest_of_a_root_proves_nothing_and_is_reported(tmp_path):
    chain = issue_by_openssl(tmp_path, "sha256", ca_digest="sha1")
    assert verify_links(chain, chain[1].not_valid_before_utc) is True


@pytest.mark.parametrize("kind", ["rsa-pss", "ec", "ed25519"])
def test_every_kind_of_key_signs(tmp_path, kind):
    options = {
        "rsa-pss": ("-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss"),
        "ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"),
        "ed25519": ("-newkey", "ed25519"),
    }
    openssl(
        "req", "-x509", "-nodes", "-subj", "/CN=r", *options[kind], "-keyout", tmp_path / "k", "-out", tmp_path / "c"
    )
    certificate = x509.load_pem_x509_certificate((tmp_path / "c").read_bytes())
    assert verify_issued(certificate, certificate) is False


def test_names_of_strangers_are_shown_in_printable_characters():
    odd = Authority.root("\x1b[31mred\x00\n" + "x" * 50).certificate
    assert subject_of(odd).isprintable()
    assert "red" in subject_of(odd)
