"""A device that is none: an SSH server that lets everybody in and answers with what a test has prepared."""

from __future__ import annotations

import contextlib
import socket
import threading

import paramiko

END = b"]]>]]>"


class FakeDevice(paramiko.ServerInterface):
    """Listens on a free port. `answer`: bytes and exit status for each command; None never answers anything, not even
    the greeting of SSH."""

    def __init__(self, answer=None, *, refuses_logins=False):
        self.answer = answer
        self.refuses_logins = refuses_logins
        self.commands = []
        self.host_key = paramiko.Ed25519Key.from_private_key(_ed25519())
        self._server = socket.create_server(("127.0.0.1", 0))
        self._held = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self):
        return self._server.getsockname()[1]

    @property
    def known_hosts_line(self):
        return f"[127.0.0.1]:{self.port} {self.host_key.get_name()} {self.host_key.get_base64()}\n"

    def close(self):
        self._server.close()
        for each in self._held:
            each.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._held.append(connection)
            if self.answer is None:
                continue
            transport = paramiko.Transport(connection)
            self._held.append(transport)
            transport.add_server_key(self.host_key)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(server=self)

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_FAILED if self.refuses_logins else paramiko.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username):
        return "publickey"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        self.commands.append(command.decode())
        threading.Thread(target=self._reply, args=(channel,), daemon=True).start()
        return True

    def check_channel_subsystem_request(self, channel, name):
        threading.Thread(target=self._speak_netconf, args=(channel,), daemon=True).start()
        return name == "netconf"

    def _speak_netconf(self, channel):
        """`answer` is a hello, and what makes a reply of the text of a request."""
        hello, reply = self.answer
        with contextlib.suppress(OSError):
            channel.get_transport().global_request("ping@example.com", wait=True)
            channel.sendall(hello + END)
            received = b""
            while received.count(END) < 2:
                data = channel.recv(65536)
                if not data:
                    return
                received += data
            channel.sendall(reply(received.split(END)[1].decode()) + END)

    def _reply(self, channel):
        output, status = self.answer
        # What comes back from this round trip shows that the client has been told that the command is accepted.
        channel.get_transport().global_request("ping@example.com", wait=True)
        with contextlib.suppress(OSError):
            channel.sendall(output)
            if status is not None:
                channel.send_exit_status(status)
            channel.close()


def _ed25519():
    import io

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return io.StringIO(pem.decode())
