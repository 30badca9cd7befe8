// SPDX-License-Identifier: Apache-2.0
// Signals as bytes in a pipe; see signals.h. A handler has no argument to find its pipe by, hence
// the two statics.
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "varve/error.h"

static int pipe_ends[2] = {-1, -1};
static volatile sig_atomic_t stop_wanted;

static void handle(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    if (number == SIGTERM || number == SIGINT) {
        stop_wanted = 1;
    }
    // A full pipe has signals in plenty; this one is then one of them.
    ssize_t written = write(pipe_ends[1], &byte, 1);
    (void)written;
    errno = saved;
}

static int install(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_flags = SA_RESTART};
    action.sa_handler = handler;
    (void)sigemptyset(&action.sa_mask); // cannot fail on a valid set
    return sigaction(number, &action, NULL);
}

int signals_open(void)
{
    static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        return VARVE_E_IO;
    }
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (install(wanted[i], handle) < 0) {
            return VARVE_E_IO;
        }
    }
    return install(SIGPIPE, SIG_IGN) < 0 ? VARVE_E_IO : pipe_ends[0];
}

int signals_take(void)
{
    unsigned char byte;
    return read(pipe_ends[0], &byte, 1) == 1 ? byte : 0;
}

bool signals_stop(void)
{
    return stop_wanted != 0;
}
