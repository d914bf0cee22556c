"""Lets clients in by SASL/GSSAPI (RFC 4752) on MIT's library, which always chooses a key of its own.

An argument is a service: "NAME PRINCIPAL KEYTAB [sealed]"; a sealed one encrypts its offer of security layers.
"NAME silent" takes connections and datagrams and never answers. The wire is that of Acceptor.java.
"""

import socket
import struct
import sys
import threading

import gssapi


def exchange(stream, service, keytab, sealed):
    tokens = 0

    def receive():
        nonlocal tokens
        head = stream.read(4)
        if len(head) < 4:
            raise EOFError("the client has gone")
        tokens += 1
        return stream.read(struct.unpack(">I", head)[0])

    credentials = gssapi.Credentials(name=service, usage="accept", store={b"keytab": keytab.encode()})
    context = gssapi.SecurityContext(creds=credentials, usage="accept")
    answer = b""
    while not context.complete:
        answer = context.step(receive()) or b""
        if not context.complete:
            send(stream, 0, answer)
    if answer:
        send(stream, 0, answer)
        if receive() != b"":
            raise ValueError("the client's token after the answer is not empty")
    offer = b"\x07\x00\xff\xff" if sealed else b"\x01\x00\x00\x00"
    send(stream, 0, gssapi.raw.wrap(context, offer, sealed, None).message)
    choice = gssapi.raw.unwrap(context, receive()).message
    if choice[:4] != b"\x01\x00\x00\x00":
        raise ValueError(f"the client chose {choice}")
    flags = ",".join(flag.name for flag in context.actual_flags)
    who = choice[4:].decode() or str(context.initiator_name)
    return f"{who} layer=auth tokens={tokens} flags={flags}"


def send(stream, status, content):
    stream.write(struct.pack(">IB", 1 + len(content), status) + content)
    stream.flush()


def accept(listener, name, keytab, sealed):
    service = gssapi.Name(name, gssapi.NameType.kerberos_principal)
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as stream:
            try:
                send(stream, 1, exchange(stream, service, keytab, sealed).encode())
            except Exception as why:
                try:
                    send(stream, 2, f"{type(why).__name__}: {why}".encode())
                except OSError:
                    pass


def main():
    kept = []
    for words in (argument.split(" ") for argument in sys.argv[1:]):
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        if words[1] == "silent":
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagrams.bind(("127.0.0.1", port))
            kept += [listener, datagrams]
        else:
            arguments = (listener, words[1], words[2], "sealed" in words)
            threading.Thread(target=accept, args=arguments).start()
        print(words[0], port, flush=True)
    threading.Event().wait()


main()
