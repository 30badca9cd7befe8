// SPDX-License-Identifier: Apache-2.0
// See rotate_bench.h.

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rotate_bench.h"

uint64_t bench_stored(struct bench *b)
{
    struct varve_backend_stats stats = {0};

    b->ops->stats(b->self, &stats);
    return stats.stored_bytes;
}

void bench_work_through(struct bench *b)
{
    for (int rc = VARVE_E_AGAIN; rc != 0;) {
        rc = b->ops->maintain(b->self, 1);
        assert_true(rc == 0 || rc == VARVE_E_AGAIN);
    }
}

static void read_file(struct segment_file *f)
{
    struct stat st;
    const int fd = open(f->path, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    f->size = (size_t)st.st_size;
    f->bytes = malloc(f->size + 1);
    assert_non_null(f->bytes);
    assert_int_equal(read(fd, f->bytes, f->size), f->size);
    close(fd);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct segment_file *)a)->path, ((const struct segment_file *)b)->path);
}

static bool is_segment(const char *name)
{
    const size_t n = strlen(name);

    return n > 4 && strcmp(name + n - 4, ".seg") == 0;
}

void files_read(struct segment_files *files, const struct bench *b)
{
    char path[256];

    files->count = 0;
    snprintf(path, sizeof path, "%s/segments", b->dir);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (is_segment(e->d_name)) {
            assert_true(files->count < SEGMENT_FILES);
            struct segment_file *f = &files->file[files->count++];
            snprintf(f->path, sizeof f->path, "%s/%s", path, e->d_name);
            read_file(f);
        }
    }
    closedir(dir);
    qsort(files->file, files->count, sizeof files->file[0], by_path);
}

static bool is_kept(const struct segment_files *files, const char *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->file[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

void files_restore(const struct segment_files *files, const struct bench *b)
{
    static struct segment_files now;

    files_read(&now, b);
    for (size_t i = 0; i < now.count; i++) {
        if (!is_kept(files, now.file[i].path)) {
            assert_int_equal(unlink(now.file[i].path), 0);
        }
    }
    files_free(&now);
    for (size_t i = 0; i < files->count; i++) {
        const int fd = open(files->file[i].path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, files->file[i].bytes, files->file[i].size), files->file[i].size);
        close(fd);
    }
}

void files_free(struct segment_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->file[i].bytes);
    }
    files->count = 0;
}

void file_write(const struct segment_file *file, size_t offset, const void *bytes, size_t n)
{
    const int fd = open(file->path, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, (off_t)offset), n);
    close(fd);
}

void file_truncate(const struct segment_file *file, size_t size)
{
    assert_int_equal(truncate(file->path, (off_t)size), 0);
}

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

size_t frames_of(const struct segment_files *files, struct found_frame *frames)
{
    size_t n = 0;

    for (size_t i = 0; i < files->count; i++) {
        const struct segment_file *f = &files->file[i];
        for (size_t at = 0; at + FRAME_HEADER <= f->size; at += 8) {
            const uint8_t *p = f->bytes + at;
            if (memcmp(p, "VRVF", 4) == 0 && u32_at(p + 16) == at) {
                assert_true(n < FRAMES_AT_MOST);
                frames[n++] = (struct found_frame){i,    (uint32_t)at, u32_at(p + 8),
                                                   p[5], p[6],         u32_at(p + 20)};
            }
        }
    }
    return n;
}
