// SPDX-License-Identifier: Apache-2.0
// Plain and compressed streams; see stream.h. A compressed one is a stdio stream over zlib's, so
// that whoever writes or reads does not know.
#include "stream.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef VARVE_ZLIB
#include <zlib.h>
#endif

#include "args.h"

#define BUFFER_BYTES 131072u

bool stream_names_gzip(const char *path)
{
    size_t len = path ? strlen(path) : 0;
    return len > 3 && strcmp(path + len - 3, ".gz") == 0;
}

static bool is_standard(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

#ifdef VARVE_ZLIB

static ssize_t gzip_read(void *cookie, char *buf, size_t size)
{
    gzFile gz = cookie;
    int n = gzread(gz, buf, (unsigned)(size < BUFFER_BYTES ? size : BUFFER_BYTES));
    int rc = Z_OK;
    (void)gzerror(gz, &rc);
    if (n < 0 || (n == 0 && rc != Z_OK && rc != Z_STREAM_END)) {
        errno = rc == Z_ERRNO ? errno : EBADMSG; // damaged, or cut off
        return -1;
    }
    return n;
}

static ssize_t gzip_write(void *cookie, const char *buf, size_t size)
{
    unsigned piece = (unsigned)(size < BUFFER_BYTES ? size : BUFFER_BYTES);
    int n = piece > 0 ? gzwrite((gzFile)cookie, buf, piece) : 0;
    return n > 0 ? n : 0; // 0: it failed
}

static int gzip_seek(void *cookie, off64_t *offset, int whence)
{
    gzFile gz = cookie;
    if (whence == SEEK_SET && *offset == 0) {
        return gzrewind(gz) == 0 ? 0 : -1;
    }
    errno = ESPIPE;
    return -1;
}

static int gzip_close(void *cookie)
{
    int rc = gzclose((gzFile)cookie);
    if (rc != Z_OK && rc != Z_ERRNO) {
        errno = EIO;
    }
    return rc == Z_OK || rc == Z_BUF_ERROR ? 0 : -1; // what was cut off was told when it was read
}

static const cookie_io_functions_t gzip_functions = {
    .read = gzip_read,
    .write = gzip_write,
    .seek = gzip_seek,
    .close = gzip_close,
};

// Puts zlib between the stream and its descriptor.
static int wrap(struct stream *s, const char *mode)
{
    int fd = dup(fileno(s->file));
    gzFile gz = fd >= 0 ? gzdopen(fd, mode) : NULL;
    FILE *file = gz ? fopencookie(gz, mode, gzip_functions) : NULL;
    if (!file) {
        int kept = errno;
        if (gz) {
            (void)gzclose(gz);
        } else if (fd >= 0) {
            (void)close(fd);
        }
        return complain(-1, "cannot use zlib for %s: %s", s->name, strerror(kept));
    }
    (void)gzbuffer(gz, BUFFER_BYTES);
    if (s->file != stdin && s->file != stdout) {
        (void)fclose(s->file); // the descriptor lives on in zlib's
    }
    s->file = file;
    s->gzip = gz;
    return 0;
}

int64_t stream_position(const struct stream *s)
{
    return s->gzip ? (int64_t)gzoffset((gzFile)s->gzip) : 0;
}

#else

static int wrap(struct stream *s, const char *mode)
{
    return mode[0] == 'r' ? 0
                          : complain(-1,
                                     "%s: this build has no zlib; compress what it writes, for "
                                     "example with gzip",
                                     s->name);
}

int64_t stream_position(const struct stream *s)
{
    return s->file ? ftello(s->file) : 0;
}

#endif

int stream_write(struct stream *s, const char *path, bool gzip)
{
    *s = (struct stream){.name = is_standard(path) ? "the output" : path};
    s->file = is_standard(path) ? stdout : fopen(path, "w");
    if (!s->file) {
        return complain(-1, "cannot write %s: %s", s->name, strerror(errno));
    }
    int rc = gzip ? wrap(s, "w") : 0;
    (void)setvbuf(s->file, NULL, _IOFBF, BUFFER_BYTES);
    if (rc < 0) {
        (void)stream_close(s); // nothing was written
    }
    return rc;
}

// How large it is, and that it is no directory.
static int measure(struct stream *s)
{
    struct stat st;
    if (fstat(fileno(s->file), &st) == 0 && S_ISDIR(st.st_mode)) {
        return complain(-1, "%s is a directory", s->name);
    }
    s->size = S_ISREG(st.st_mode) && lseek(fileno(s->file), 0, SEEK_CUR) == 0 ? st.st_size : 0;
    return 0;
}

int stream_read(struct stream *s, const char *path)
{
    *s = (struct stream){.name = is_standard(path) ? "standard input" : path};
    s->file = is_standard(path) ? stdin : fopen(path, "r");
    if (!s->file) {
        return complain(-1, "cannot read %s: %s", path, strerror(errno));
    }
    int rc = measure(s);
    rc = rc == 0 ? wrap(s, "r") : rc;
    if (rc < 0) {
        (void)stream_close(s); // nothing was read
    }
    return rc;
}

int stream_close(struct stream *s)
{
    FILE *file = s->file;
    s->file = NULL;
    s->gzip = NULL;
    if (!file) {
        return 0;
    }
    bool failed = ferror(file) != 0;
    int kept = errno;
    if ((file == stdout ? fflush(file) : file == stdin ? 0 : fclose(file)) != 0) {
        return -1;
    }
    errno = failed ? kept : errno;
    return failed ? -1 : 0;
}
