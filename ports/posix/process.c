// SPDX-License-Identifier: Apache-2.0
// Programs that the daemon runs: started without a shell, read with a time limit, ended with all
// that they started in their process group.
//
// A program is started by vfork(): posix_spawn() with file actions allocates, and fork() copies the
// page tables of the daemon and fails where memory is not overcommitted. Until the program is
// executed the child runs in the daemon's memory, so it only calls what is safe in a signal
// handler, and no handler of the daemon runs in it: all signals are blocked over the vfork(), and
// have their default actions again before they are let in.
//
// The leader is reaped last: as long as it is a zombie nobody else can have its group's number.
//
// Threading: any task; a process belongs to one task at a time.
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 50 // how often is looked whether a silent program has ended
// How long a killed program may take to die; in an uninterruptible wait it takes longer.
#define KILL_MS       1000
#define CLOSE_ON_EXEC 4u   // CLOSE_RANGE_CLOEXEC, for kernels from 5.11 on
#define MANY_FILES    1024 // on older ones: files looked at

enum {
    READ_END,
    WRITE_END
};

// What the child needs.
struct launch {
    const char *const *argv;
    const char *const *env;
    int in, out, err, status;
};

// ---- starting

static int above_standard(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    const int other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    (void)close(fd); // nothing was written to it
    return other;
}

// Both ends are -1 on failure.
static int make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0) {
        ends[READ_END] = ends[WRITE_END] = -1;
        return -1;
    }
    ends[READ_END] = above_standard(ends[READ_END]);
    ends[WRITE_END] = above_standard(ends[WRITE_END]);
    return ends[READ_END] < 0 || ends[WRITE_END] < 0 ? -1 : 0;
}

static void shut(int fd)
{
    if (fd >= 0)
        (void)close(fd); // only read from, or the child's end
}

static void default_signals(void)
{
    struct sigaction action = {.sa_flags = 0};
    sigset_t none;
    action.sa_handler = SIG_DFL;
    (void)sigemptyset(&none); // cannot fail on a valid set
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &action, NULL); // some cannot be set, and need not be
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

// Files of the daemon have the flag; those that it was itself started with may not.
static void close_others_on_exec(void)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_ON_EXEC) == 0)
        return;
#endif
    for (int fd = STDERR_FILENO + 1; fd < MANY_FILES; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC); // most are not open
}

// In the child. What goes wrong is told by its errno value through the status pipe.
static void become(const struct launch *l)
{
    (void)setpgid(0, 0); // cannot fail in a new process
    if (dup2(l->in, STDIN_FILENO) >= 0 && dup2(l->out, STDOUT_FILENO) >= 0 &&
        dup2(l->err, STDERR_FILENO) >= 0 && chdir("/") == 0) {
        default_signals();
        close_others_on_exec();
        // The strings are not written to: execve() is older than const.
        (void)execve(l->argv[0], (char *const *)(uintptr_t)l->argv,
                     (char *const *)(uintptr_t)l->env);
    }
    const int native = errno;
    const ssize_t told = write(l->status, &native, sizeof native);
    _exit(told == (ssize_t)sizeof native ? 127 : 126);
}

static pid_t launch(const struct launch *l)
{
    const pid_t pid = vfork(); // NOLINT(*.vfork): see the top
    if (pid == 0)
        become(l); // NOLINT(*.Vfork): see the top
    return pid;
}

static pid_t launch_without_signals(const struct launch *l)
{
    sigset_t all, before;
    (void)sigfillset(&all); // cannot fail on a valid set
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = launch(l);
    const int native = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = native;
    return pid;
}

// 0 once the program is executed, else the errno value of what failed.
static int read_status(int fd)
{
    int native = 0;
    ssize_t n;
    do {
        n = read(fd, &native, sizeof native);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof native ? native : 0;
}

static int start(struct varve_port_process *p, struct launch *l, int out[2], int err[2],
                 int status[2])
{
    l->in = above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (l->in < 0 || make_pipe(out) < 0 || make_pipe(err) < 0 || make_pipe(status) < 0)
        return errno;
    l->out = out[WRITE_END];
    l->err = err[WRITE_END];
    l->status = status[WRITE_END];
    const pid_t pid = launch_without_signals(l);
    if (pid < 0)
        return errno;
    shut(status[WRITE_END]);
    status[WRITE_END] = -1;
    const int native = read_status(status[READ_END]);
    if (native != 0) {
        (void)waitpid(pid, NULL, 0); // it has ended
        return native;
    }
    p->id = pid;
    return 0;
}

int varve_port_process_start(struct varve_port_process *p, const char *const *argv,
                             const char *const *env)
{
    struct launch l = {.argv = argv, .env = env, .in = -1};
    int out[2] = {-1, -1}, err[2] = {-1, -1}, status[2] = {-1, -1};
    *p = (struct varve_port_process){.out = -1, .err = -1};
    int native = start(p, &l, out, err, status);
    shut(l.in);
    shut(out[WRITE_END]);
    shut(err[WRITE_END]);
    shut(status[READ_END]);
    shut(status[WRITE_END]);
    if (native != 0) {
        shut(out[READ_END]);
        shut(err[READ_END]);
        return varve_posix_fail(native);
    }
    (void)fcntl(out[READ_END], F_SETFL, O_NONBLOCK); // a pipe's end can always be set so
    (void)fcntl(err[READ_END], F_SETFL, O_NONBLOCK);
    p->out = out[READ_END];
    p->err = err[READ_END];
    return VARVE_OK;
}

// ---- reading

// Without reaping it.
static bool has_ended(const struct varve_port_process *p)
{
    siginfo_t info = {.si_pid = 0};
    const int rc = waitid(P_PID, (id_t)p->id, &info, WEXITED | WNOHANG | WNOWAIT);
    return rc < 0 || info.si_pid != 0;
}

// Keeps the beginning of what it says on standard error; the rest is read and forgotten.
static void hear(struct varve_port_process *p)
{
    char text[512];
    ssize_t n;
    while ((n = read((int)p->err, text, sizeof text)) > 0) {
        const size_t room = sizeof p->said - 1u - p->said_len;
        const size_t len = (size_t)n < room ? (size_t)n : room;
        memcpy(p->said + p->said_len, text, len);
        p->said_len += len;
        p->said[p->said_len] = '\0';
        if ((size_t)n < sizeof text)
            return; // what floods is heard again the next time round
    }
    if (n == 0 || errno != EAGAIN) {
        shut((int)p->err);
        p->err = -1;
    }
}

static bool wait_for_output(struct varve_port_process *p, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = (int)p->out, .events = POLLIN},
                            {.fd = (int)p->err, .events = POLLIN}};
    if (poll(fds, 2, timeout_ms) <= 0)
        return false;
    if (fds[1].revents != 0)
        hear(p);
    return fds[0].revents != 0;
}

// Bytes, 0 at the end of the output, -1 when there is nothing now.
static int64_t read_now(const struct varve_port_process *p, void *buf, size_t cap)
{
    const ssize_t n = read((int)p->out, buf, cap);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? -1 : 0;
}

// When it has ended, what it wrote is in the pipe: others that hold the pipe open are not waited
// for.
int64_t varve_port_process_read(struct varve_port_process *p, void *buf, size_t cap,
                                int64_t timeout_ms)
{
    const int64_t end_ns = varve_posix_deadline_ns(timeout_ms < 0 ? 0 : timeout_ms);
    for (;;) {
        const bool ended = has_ended(p); // asked first: then nothing can come after the read
        const int64_t n = read_now(p, buf, cap);
        if (n >= 0)
            return n;
        if (ended)
            return 0;
        const int64_t left_ms = (end_ns - varve_posix_mono_ns()) / 1000000;
        if (left_ms <= 0)
            return VARVE_E_TIMEOUT;
        (void)wait_for_output(p, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS);
    }
}

// ---- ending

static bool ends_within(struct varve_port_process *p, int64_t timeout_ms)
{
    const int64_t end_ns = varve_posix_deadline_ns(timeout_ms);
    int step_ms = 1;
    while (!has_ended(p)) {
        if (varve_posix_mono_ns() >= end_ns)
            return false;
        struct pollfd err = {.fd = (int)p->err, .events = POLLIN}; // so that it is not held up
        if (poll(&err, 1, step_ms) > 0)
            hear(p);
        step_ms = step_ms < LOOK_MS ? step_ms * 2 : LOOK_MS;
    }
    return true;
}

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int varve_port_process_end(struct varve_port_process *p, int64_t patience_ms, int64_t grace_ms,
                           int *code)
{
    const pid_t group = -(pid_t)p->id;
    int status = 0;
    if (p->id == 0)
        return VARVE_E_NOT_FOUND;
    if (!ends_within(p, patience_ms)) {
        (void)kill(group, SIGTERM); // it may have ended meanwhile
        (void)ends_within(p, grace_ms);
    }
    (void)kill(group, SIGKILL); // with what it left behind
    if (!ends_within(p, KILL_MS))
        return VARVE_E_TIMEOUT;
    if (p->err >= 0)
        hear(p);
    shut((int)p->out);
    shut((int)p->err);
    const bool reaped = waitpid((pid_t)p->id, &status, 0) == (pid_t)p->id;
    p->id = 0;
    p->out = p->err = -1;
    *code = reaped ? exit_code(status) : 0;
    return VARVE_OK;
}
