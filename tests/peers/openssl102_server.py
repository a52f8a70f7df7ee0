#!/usr/bin/env python3
"""A TLS or DTLS server on OpenSSL 1.0.2q: heartbeats built in, Heartbleed fixed.

usage: openssl102_server.py LIBRARIES PORT CERTIFICATE KEY [ADDRESS [dtls]]

LIBRARIES is the folder with libssl and libcrypto that scripts/peers.sh unpacks, CERTIFICATE and KEY
are PEM files, ADDRESS is 127.0.0.1 unless given. With PORT 0 the system chooses. Prints
`listening PORT` once it accepts, and runs until it is killed. It speaks the TLS protocol and sends
no application data. Every connection has a process of its own, so a silent one holds up nobody. Over
DTLS every client address has one, which ends after ten seconds of silence.
"""

import ctypes
import glob
import os
import signal
import socket
import struct
import sys

PEM = 1
DTLS_TIMEOUT, DGRAM_SET_CONNECTED = 74, 32
SILENCE = 10
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
        self.dtls_method = declare(ssl.DTLS_server_method, pointer)
        self.context_new = declare(ssl.SSL_CTX_new, pointer, pointer)
        self.use_chain = declare(ssl.SSL_CTX_use_certificate_chain_file, number, pointer, text)
        self.use_key = declare(ssl.SSL_CTX_use_PrivateKey_file, number, pointer, text, number)
        self.new = declare(ssl.SSL_new, pointer, pointer)
        self.set_fd = declare(ssl.SSL_set_fd, number, pointer, number)
        self.accept = declare(ssl.SSL_accept, number, pointer)
        self.read = declare(ssl.SSL_read, number, pointer, pointer, number)
        self.error = declare(ssl.SSL_get_error, number, pointer, number)
        self.control = declare(ssl.SSL_ctrl, ctypes.c_long, pointer, number, ctypes.c_long, pointer)
        self.set_bio = declare(ssl.SSL_set_bio, None, pointer, pointer, pointer)
        self.bio_datagram = declare(crypto.BIO_new_dgram, pointer, number, number)
        self.bio_memory = declare(crypto.BIO_new_mem_buf, pointer, text, number)
        self.bio_control = declare(crypto.BIO_ctrl, ctypes.c_long, pointer, number, ctypes.c_long, text)
        ssl.SSL_library_init()

    def context(self, certificate, key, dtls):
        context = self.context_new(self.dtls_method() if dtls else self.method())
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

    def serve_datagrams(self, context, peer, address, first):
        """One client; `peer` is connected to it, `first` is its first datagram, read already."""
        peer.settimeout(None)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
        connection = self.new(context)
        wire = self.bio_datagram(peer.fileno(), 0)
        name = struct.pack("=H", socket.AF_INET) + struct.pack(">H", address[1])
        name += socket.inet_aton(address[0]) + bytes(8)
        self.bio_control(wire, DGRAM_SET_CONNECTED, 0, name)
        self.set_bio(connection, self.bio_memory(first, len(first)), wire)
        self.accept(connection)
        self.clear_errors()
        wire = self.bio_datagram(peer.fileno(), 0)
        self.bio_control(wire, DGRAM_SET_CONNECTED, 0, name)
        self.set_bio(connection, wire, wire)
        buffer = ctypes.create_string_buffer(16384)
        silent, accepted = 0, False
        while silent < SILENCE:
            try:
                peer.recv(1, socket.MSG_PEEK)
                silent = 0
            except OSError:
                silent += 1
                self.control(connection, DTLS_TIMEOUT, 0, None)  # sends the flight again when it is due
                continue
            self.clear_errors()
            step = self.read(connection, buffer, len(buffer)) if accepted else self.accept(connection)
            if step > 0:
                accepted = True
            elif not self.only_wants_more(connection, step):
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


def serve_dtls(openssl, context, address, port):
    """A socket for all, and one for each client, which the kernel prefers for that client's datagrams."""

    def bound():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        return made

    listener = bound()
    print(f"listening {port}", flush=True)
    while True:
        try:
            first, client = listener.recvfrom(65535)
        except OSError:
            continue
        peer = bound()
        peer.connect(client)
        if os.fork() == 0:
            listener.close()
            openssl.serve_datagrams(context, peer, client, first)
            os._exit(0)
        peer.close()


def main():
    if len(sys.argv) not in (5, 6, 7):
        sys.exit(__doc__)
    folder, port, certificate, key = sys.argv[1:5]
    address = sys.argv[5] if len(sys.argv) >= 6 else "127.0.0.1"
    dtls = sys.argv[6:] == ["dtls"]
    folder = os.path.abspath(folder)
    # The loader reads this variable only at the start of a process, and libssl needs its neighbours.
    if os.environ.get("LD_LIBRARY_PATH") != folder:
        environment = dict(os.environ, LD_LIBRARY_PATH=folder)
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    openssl = OpenSsl(folder)
    context = openssl.context(certificate, key, dtls)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if dtls:
        serve_dtls(openssl, context, address, int(port))
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
