// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target on stored inputs, without a fuzzer and with any compiler.
//
//   replay_<target> PATH...     each a file, or a folder whose files are tried in name order
//
// The name of an input is printed before it is tried, so that it is the last line when it crashes.
// Fails when there is none at all. Threading: one task.
#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned tried;

static int try_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (file == NULL || fstat(fileno(file), &st) != 0) {
        perror(path);
        return 1;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(bytes != NULL);
    size_t got = fread(bytes, 1, size, file);
    (void)fclose(file); // was only read
    if (got == size) {
        printf("%s\n", path);
        (void)fflush(stdout); // only for people
        (void)LLVMFuzzerTestOneInput(bytes, size);
        tried++;
    }
    free(bytes);
    return got == size ? 0 : 1;
}

static int try_folder(const char *path)
{
    struct dirent **entries;
    int failed = 0;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0) {
        perror(path);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        char name[4096];
        int length = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            failed |= length < 0 || (size_t)length >= sizeof name ? 1 : try_file(name);
        }
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        failed |= folder ? try_folder(argv[i]) : try_file(argv[i]);
    }
    printf("%u inputs\n", tried);
    return failed != 0 || tried == 0 ? 1 : 0;
}
