"""Peers of the agent, for tests at the front door: CAs that it enrols with, and a network that breaks.

All of them listen on 127.0.0.1 and a free port, so that an agent process, this process and any command reach them. The
fixtures of fixtures.py are there in every test.

**ScepResponder** (fixture `scep_responder`, a factory): a SCEP server in this process that can do all of RFC 8894, and
is told what to do while it runs (scep_rules.py, scep_ca.py). Nothing in it is of the agent; clients of others prove it
(test_independent_clients.py). It judges its clients: at the end of a test nothing may stand in `ca.complaints`.

    responder = scep_responder(tiers=3, ra=Ra.SPLIT, challenge="secret", pending=2)    # up at responder.url
    responder.rules.pending = FOREVER                  # Rules: challenge, pending, rejection, caps, cipher, lifetime...
    responder.ca.approve()                             # who waits gets a certificate at the next poll
    responder.rules.rejection = Rejection(BAD_REQUEST, "not in my network")
    responder.rules.caps = OLD_CAPS                    # or NO_CAPS, or any text
    responder.rules.not_before, responder.rules.lifetime = timedelta(days=-3), timedelta(days=2)
    responder.ca.revoke(certificate)                   # on the next GetCRL
    responder.ca.prepare_rollover(); responder.ca.roll_over()
    responder.ca.wait_for(2, MessageKind.CERT_POLL)    # no sleep: until so many have come
    responder.ca.requests[-1].challenge                # and kind, csr, sender, transaction_id, cipher, digest, method

**MessageFault** (scep_faults.py): answers that are wrong in one way each. Reply is for what is not in that table.

    responder.ca.answer_with(MessageFault.WRONG_NONCE)             # from now on; answer_with() ends it
    responder.ca.answer_with(MessageFault.WRONG_NONCE, Reply())    # one message only
    responder.ca.answer_with(lambda ca, request: Reply(status=PENDING) if "r1" in ca.subject_of(request) else Reply())

**EstServer** (fixture `est_server`, a factory): an EST server (RFC 7030) in this process, by HTTPS. Its certificates
are valid by the machine's clock, which TLS goes by.

    server = est_server(3, users={"router1": "s3cret"})    # three tiers; up at server.url
    server = est_server(client_cas=[...])                  # whoever shows a certificate of these may enrol
    server.chain[0].certificate                            # the root, which its TLS certificate is issued by
    server.pending, server.retry_after = 2, "5"            # 202 twice, then the certificate
    server.rejection = (403, "not in my network")
    server.issue = lambda request: ...                     # another certificate than was asked for
    server.scripts["cacerts"] = lambda handler: handler.answer(500)
    server.seen[-1].client                                 # and operation, username, headers, body, tls

**FaultProxy** (fixture `fault_proxy`, a factory): stands before any HTTP server and cuts, drips, replays, redirects...

    proxy = fault_proxy(responder.url)                 # the agent gets proxy.url
    proxy.break_with(HttpFault.CUT, when="PKIOperation", times=1)
    proxy.break_with(HttpFault.HOLD); proxy.wait_for_fault(); proxy.release()

**ScepServer** (fixture `scepserver`): the real CA of the Debian package `scep`; one self-signed CA, challenge password
`scepserver.challenge`, renewal at any time, answers in SHA-1 and single DES. It would listen on all interfaces, so it
lives in a network namespace of its own, and a socket that was opened outside leads in. openssl makes its CRLs:
`scepserver.revoke(certificate)`, `scepserver.make_crl()`. With other options: `run_scepserver(folder, *options)`.

**StrongSwan**, **certmonger_enroll** (clients.py): SCEP clients of others.

By hand: `.venv/bin/python -m tests.peers.scep_responder --help`; the same for a test that counts milliseconds:

    with scep_responder_process("--tiers", "2") as (url, *said): ...
"""
