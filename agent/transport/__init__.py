"""Bytes in and out of NETCONF sessions and shell commands: SSH by paramiko, and a Unix-domain socket.

This room knows sockets, threads, SSH and who may log in. What serves knows neither XML nor YANG nor the PKI:
the protocol core is given as a `SessionFactory`, the shell as a `CommandRunner` (services.py).

    accepting.py       the loop of accepting, which must never end before its time
    listener.py        admits SSH connections, nothing else
    ssh_server.py      one SSH connection: paramiko's ServerInterface
    netconf_channel.py one NETCONF session on any byte stream
    exec_channel.py    one shell command on an SSH exec channel
    control_socket.py  the same two for local programs; control_client.py is the other end
"""
