/* Hurry: a cluster's connections send what they have at once.
 *
 * R leaves them to collect small pieces, and an answer then waits up to 40 ms for the kernel's
 * acknowledgement of the piece before. R tells nobody which descriptor a connection has; so they
 * are found by the cluster's port. */
#include "fileheap.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define DESCRIPTORS 1024

static int port_of(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *) address)->sin_port);
    if (address->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *) address)->sin6_port);
    return -1;
}

/* For all connections of this process to or from a port; returns their number. */
SEXP C_hurry(SEXP port) {
    int wanted = Rf_asInteger(port), found = 0, yes = 1;
    for (int fd = 3; fd < DESCRIPTORS; fd++) {
        struct sockaddr_storage here, there;
        socklen_t size = sizeof here, other_size = sizeof there;
        if (getsockname(fd, (struct sockaddr *) &here, &size)) continue;
        if (getpeername(fd, (struct sockaddr *) &there, &other_size)) continue;
        if (port_of(&here) != wanted && port_of(&there) != wanted) continue;
        if (!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes)) found++;
    }
    return Rf_ScalarInteger(found);
}
