// SPDX-License-Identifier: Apache-2.0
// Files that are imported; see input.h.
#include "input.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- rrdtool ------------------------------------------------------------------------------------

static int run_dump(const char *path, int out)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(out, STDOUT_FILENO) >= 0) {
            (void)execlp("rrdtool", "rrdtool", "dump", path, (char *)NULL);
        }
        _exit(127);
    }
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127) {
        return complain(FAILED,
                        "%s: rrdtool cannot be run; install it, or import what `rrdtool dump` "
                        "writes on the device",
                        path);
    }
    return WEXITSTATUS(status) == 0 ? DONE : complain(FAILED, "%s: rrdtool dump failed", path);
}

// Puts the dump of an RRD file in its place.
static int dump(struct stream *s, const char *path)
{
    FILE *text = tmpfile();
    if (!text) {
        return complain(FAILED, "cannot make a temporary file: %s", strerror(errno));
    }
    int code = run_dump(path, fileno(text));
    if (code == DONE && fseeko(text, 0, SEEK_SET) != 0) {
        code = complain(FAILED, "cannot read a temporary file: %s", strerror(errno));
    }
    if (code != DONE) {
        (void)fclose(text); // not needed
        return code;
    }
    (void)stream_close(s); // only read
    s->file = text;
    return DONE;
}

static int dump_if_binary(struct stream *s, const char *path)
{
    char magic[4];
    bool binary = fread(magic, 1, sizeof magic, s->file) == sizeof magic &&
                  memcmp(magic, "RRD", sizeof magic) == 0;
    if (binary) {
        return dump(s, path);
    }
    clearerr(s->file);
    return fseeko(s->file, 0, SEEK_SET) == 0
               ? DONE
               : complain(FAILED, "cannot read %s twice: %s", path, strerror(errno));
}

// ---- the input ----------------------------------------------------------------------------------

int input_open(struct input *in, const char *path, enum format format,
               const struct reader_options *options)
{
    *in = (struct input){.reader = {.state = NULL}};
    int code = stream_read(&in->stream, path) < 0 ? FAILED : DONE;
    if (code == DONE && format == FORMAT_RRD && in->stream.size > 0) {
        code = dump_if_binary(&in->stream, path);
    }
    if (code == DONE &&
        reader_open(&in->reader, format_row(format)->reader, in->stream.file, options) < 0) {
        code = complain(FAILED, "not enough memory to read %s", path);
    }
    if (code != DONE) {
        input_close(in);
    }
    return code;
}

void input_close(struct input *in)
{
    reader_close(&in->reader);
    (void)stream_close(&in->stream); // only read
}
