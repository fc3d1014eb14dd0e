"""Runs scepserver where nobody else can reach it, and hands connections on to it.

    python isolated_server.py FD PORT COMMAND...

scepserver listens on all interfaces of its machine. So it runs in a network namespace of its own (the caller starts
this script by `unshare -n`), where the only interface is a loopback that nothing else shares. FD is a listening TCP
socket that the test opened on 127.0.0.1 outside: it works across the border. Each connection to it becomes one to PORT
inside. Everything ends when the caller closes our standard input, or dies.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
import time

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def bring_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def wait_for(port, server):
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    sys.exit("the server ended")


def end_with_caller(server):
    sys.stdin.read()
    server.kill()
    server.wait()
    os._exit(0)


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client, port):
    with client, socket.create_connection(("127.0.0.1", port)) as inside:
        back = threading.Thread(target=pump, args=(inside, client), daemon=True)
        back.start()
        pump(client, inside)
        back.join()


def main():
    listener, port, command = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3:]
    bring_loopback_up()
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=end_with_caller, args=(server,), daemon=True).start()
    wait_for(port, server)
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, port), daemon=True).start()


if __name__ == "__main__":
    main()
