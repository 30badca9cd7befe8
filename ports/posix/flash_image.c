// SPDX-License-Identifier: Apache-2.0
// Raw NOR flash in a file, byte for byte what is on the chip: for trying a microcontroller's
// configuration on a development machine, and for reading what was read out of a chip. Its name is
// `image:` and the path of a file that is there, of whole sectors: 0xff throughout when new. The
// chip is a common serial NOR: pages of 256 bytes, sectors of 4 KiB.
//
// The flash of a system with a kernel is for files on it; no driver for that is here.
//
// Threading: opening under a lock, the rest as varve/flash.h says.
#include "internal.h"

#include <string.h>

#define PREFIX       "image:"
#define PAGE_BYTES   256u
#define SECTOR_BYTES 4096u
#define IMAGES_MAX   4u

static struct image {
    struct varve_flash flash;
    struct varve_port_file file;
    char name[VARVE_PATH_TEXT];
} images[IMAGES_MAX]; // `name` is empty: not in use
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct image *image_of(const struct varve_flash *flash)
{
    return flash->context;
}

static int image_read(const struct varve_flash *flash, uint32_t address, void *buf, size_t len)
{
    const int64_t n = varve_port_file_read(&image_of(flash)->file, address, buf, len);
    return n < 0 ? (int)n : (size_t)n == len ? 0 : VARVE_E_IO;
}

static int write_through(struct image *image, uint32_t address, const void *buf, size_t len)
{
    const int rc = varve_port_file_write(&image->file, address, buf, len);
    return rc < 0 ? rc : varve_port_file_sync(&image->file);
}

static int image_program(const struct varve_flash *flash, uint32_t address, const void *buf,
                         size_t len)
{
    uint8_t page[PAGE_BYTES];
    if (len > sizeof page) {
        return VARVE_E_INVALID;
    }
    const int rc = image_read(flash, address, page, len);
    for (size_t i = 0; i < len; i++) {
        page[i] &= ((const uint8_t *)buf)[i];
    }
    return rc < 0 ? rc : write_through(image_of(flash), address, page, len);
}

static int image_erase(const struct varve_flash *flash, uint32_t sector)
{
    uint8_t blank[SECTOR_BYTES];
    memset(blank, 0xff, sizeof blank);
    return write_through(image_of(flash), sector * SECTOR_BYTES, blank, sizeof blank);
}

// For writing unless the file, or another process that has it, does not allow it.
static int open_file(struct varve_port_file *file, const char *path)
{
    int rc = varve_port_file_open(file, path, VARVE_OPEN_WRITE);
    if (rc == 0) {
        rc = varve_port_file_lock(file, 0, 1, true);
        if (rc == 0) {
            return 0;
        }
        varve_port_file_close(file);
    }
    return varve_port_file_open(file, path, 0);
}

static int open_image(struct image *image, const char *name)
{
    int rc = open_file(&image->file, name + strlen(PREFIX));
    if (rc < 0) {
        return rc;
    }
    const int64_t size = varve_port_file_size(&image->file);
    if (size < 0 || size % SECTOR_BYTES != 0 || size / SECTOR_BYTES > UINT16_MAX) {
        varve_port_file_close(&image->file);
        return VARVE_E_INVALID;
    }
    memcpy(image->name, name, strlen(name) + 1);
    image->flash = (struct varve_flash){.name = image->name,
                                        .page_bytes = PAGE_BYTES,
                                        .sector_bytes = SECTOR_BYTES,
                                        .sectors = (uint32_t)(size / SECTOR_BYTES),
                                        .context = image,
                                        .read = image_read,
                                        .program = image_program,
                                        .erase = image_erase};
    return 0;
}

// One that is open stays so: there is no call that closes a flash.
static struct image *find(const char *name)
{
    for (size_t i = 0; i < IMAGES_MAX; i++) {
        if (strcmp(images[i].name, name) == 0) {
            return &images[i];
        }
        if (images[i].name[0] == '\0') {
            return open_image(&images[i], name) == 0 ? &images[i] : NULL;
        }
    }
    return NULL;
}

const struct varve_flash *varve_port_flash(const char *name)
{
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || strlen(name) >= VARVE_PATH_TEXT) {
        return NULL;
    }
    (void)pthread_mutex_lock(&lock); // cannot fail
    const struct image *image = find(name);
    (void)pthread_mutex_unlock(&lock);
    return image == NULL ? NULL : &image->flash;
}
