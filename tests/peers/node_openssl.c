/* The OpenSSL inside a node binary as a plain TLS server: loaded into the process before node begins, it serves from
 * there and never comes back. node itself hangs up without sending OpenSSL's alerts; this sends them.
 *
 * PEER_ADDRESS, PEER_PORT, PEER_CERTIFICATE and PEER_KEY say what to serve. Every suite is on, and a fresh RSA key of 512
 * bits stands ready for export suites. One connection at a time, no data.
 *
 *   cc -shared -fPIC -o node_openssl.so node_openssl.c -ldl */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEM 1

static void *found(const char *name) {
    void *address = dlsym(RTLD_DEFAULT, name);
    if (address == NULL) _exit(3);
    return address;
}

static void *short_key(void *session, int is_export, int bits) {
    static void *key;
    (void)session, (void)is_export, (void)bits;
    if (key == NULL) {
        void *exponent = ((void *(*)(void))found("BN_new"))();
        ((int (*)(void *, unsigned long))found("BN_set_word"))(exponent, 65537);
        key = ((void *(*)(void))found("RSA_new"))();
        ((int (*)(void *, int, void *, void *))found("RSA_generate_key_ex"))(key, 512, exponent, NULL);
    }
    return key;
}

static int listener(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(getenv("PEER_PORT")))};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (inet_pton(AF_INET, getenv("PEER_ADDRESS"), &at.sin_addr) != 1) _exit(4);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 64) != 0) _exit(5);
    return fd;
}

__attribute__((constructor)) static void serve(void) {
    if (getenv("PEER_PORT") == NULL) return;
    typedef int (*load)(void *, const char *, int);
    ((int (*)(void))found("SSL_library_init"))();
    void *method = ((void *(*)(void))found("SSLv23_server_method"))();
    void *context = ((void *(*)(void *))found("SSL_CTX_new"))(method);
    if (((load)found("SSL_CTX_use_certificate_file"))(context, getenv("PEER_CERTIFICATE"), PEM) != 1) _exit(6);
    if (((load)found("SSL_CTX_use_PrivateKey_file"))(context, getenv("PEER_KEY"), PEM) != 1) _exit(7);
    ((int (*)(void *, const char *))found("SSL_CTX_set_cipher_list"))(context, "ALL:EXPORT:SSLv2");
    ((void (*)(void *, void *(*)(void *, int, int)))found("SSL_CTX_set_tmp_rsa_callback"))(context, short_key);
    int fd = listener();
    for (;;) {
        int client = accept(fd, NULL, NULL);
        if (client < 0) continue;
        void *session = ((void *(*)(void *))found("SSL_new"))(context);
        ((int (*)(void *, int))found("SSL_set_fd"))(session, client);
        ((int (*)(void *))found("SSL_accept"))(session);
        ((void (*)(void *))found("SSL_free"))(session);
        shutdown(client, SHUT_WR);
        close(client);
    }
}
