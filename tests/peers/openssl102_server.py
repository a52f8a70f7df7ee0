#!/usr/bin/env python3
"""A TLS server on OpenSSL 1.0.2q: heartbeats built in, Heartbleed fixed.

usage: openssl102_server.py LIBRARIES PORT CERTIFICATE KEY [ADDRESS]

LIBRARIES is the folder with libssl and libcrypto that scripts/peers.sh unpacks, CERTIFICATE and KEY
are PEM files, ADDRESS is 127.0.0.1 unless given. With PORT 0 the system chooses. Prints
`listening PORT` once it accepts, and runs until it is killed. It speaks the TLS protocol and sends
no application data. Every connection has a process of its own, so a silent one holds up nobody.
"""

import ctypes
import glob
import os
import signal
import socket
import sys

PEM = 1
SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE = 2, 3


def library(folder, name):
    """Loads one of the wheel's libraries, whose names carry a hash."""
    found = sorted(glob.glob(os.path.join(folder, f"lib{name}-*")))
    if not found:
        sys.exit(f"no lib{name} in {folder}")
    return ctypes.CDLL(found[0], mode=ctypes.RTLD_GLOBAL)


def declare(function, result, *arguments):
    function.restype, function.argtypes = result, arguments
    return function


class OpenSsl:
    """The few calls that a server needs, with their C types."""

    def __init__(self, folder):
        crypto, ssl = library(folder, "crypto"), library(folder, "ssl")
        pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
        self.clear_errors = declare(crypto.ERR_clear_error, None)
        self.method = declare(ssl.SSLv23_server_method, pointer)
        self.context_new = declare(ssl.SSL_CTX_new, pointer, pointer)
        self.use_chain = declare(ssl.SSL_CTX_use_certificate_chain_file, number, pointer, text)
        self.use_key = declare(ssl.SSL_CTX_use_PrivateKey_file, number, pointer, text, number)
        self.new = declare(ssl.SSL_new, pointer, pointer)
        self.set_fd = declare(ssl.SSL_set_fd, number, pointer, number)
        self.accept = declare(ssl.SSL_accept, number, pointer)
        self.read = declare(ssl.SSL_read, number, pointer, pointer, number)
        self.error = declare(ssl.SSL_get_error, number, pointer, number)
        ssl.SSL_library_init()

    def context(self, certificate, key):
        context = self.context_new(self.method())
        if self.use_chain(context, certificate.encode()) != 1:
            sys.exit(f"cannot use the certificate {certificate}")
        if self.use_key(context, key.encode(), PEM) != 1:
            sys.exit(f"cannot use the key {key}")
        return context

    def only_wants_more(self, connection, result):
        """A heartbeat that was answered inside a call ends the call as if bytes were wanting."""
        return self.error(connection, result) in (SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE)

    def serve(self, context, peer):
        connection = self.new(context)
        self.set_fd(connection, peer.fileno())
        while True:
            self.clear_errors()
            result = self.accept(connection)
            if result == 1:
                break
            if not self.only_wants_more(connection, result):
                return
        buffer = ctypes.create_string_buffer(16384)
        while True:
            self.clear_errors()
            result = self.read(connection, buffer, len(buffer))
            if result <= 0 and not self.only_wants_more(connection, result):
                return


def end(peer):
    """Closes so that an alert which was just sent arrives: closing over unread bytes would reset."""
    try:
        peer.shutdown(socket.SHUT_WR)
        peer.settimeout(2)
        while peer.recv(4096):
            pass
    except OSError:
        pass


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    folder, port, certificate, key = sys.argv[1:5]
    address = sys.argv[5] if len(sys.argv) == 6 else "127.0.0.1"
    folder = os.path.abspath(folder)
    # The loader reads this variable only at the start of a process, and libssl needs its neighbours.
    if os.environ.get("LD_LIBRARY_PATH") != folder:
        environment = dict(os.environ, LD_LIBRARY_PATH=folder)
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    openssl = OpenSsl(folder)
    context = openssl.context(certificate, key)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.create_server((address, int(port)), backlog=256) as listener:
        print(f"listening {listener.getsockname()[1]}", flush=True)
        while True:
            peer, _ = listener.accept()
            with peer:
                if os.fork() == 0:
                    listener.close()
                    openssl.serve(context, peer)
                    end(peer)
                    os._exit(0)


main()
