// SPDX-License-Identifier: Apache-2.0
// What is done to files: a bit, some bytes, sectors, pages - random, zeros, erased, of another
// place - and their ends cut off. Half of the wounds are aimed at pages without a block, since that
// is where one wrong byte can hide everything.
//
// Threading: one task.
#include "damage.h"

#define SECTOR 512u
#define TRIES  64

static bool has_block(const struct image_file *f, uint32_t page, uint32_t size)
{
    static const uint8_t magic[] = {VARVE_BLOCK_MAGIC & 0xff, VARVE_BLOCK_MAGIC >> 8 & 0xff,
                                    VARVE_BLOCK_MAGIC >> 16 & 0xff, VARVE_BLOCK_MAGIC >> 24};
    const uint8_t *p = f->bytes + (uint64_t)page * size;
    return memcmp(p + 4, magic, sizeof magic) == 0;
}

// A page, in half of the cases one of a tree.
static uint32_t choose_page(struct test_random *r, const struct image_file *f, uint32_t size)
{
    const uint32_t pages = f->size / size;
    const bool aimed = random_below(r, 2) == 0;
    uint32_t page = random_below(r, pages > 0 ? pages : 1);
    for (int i = 0; i < TRIES && aimed && pages > 0; i++) {
        const uint8_t *p = f->bytes + (uint64_t)page * size;
        const bool tree = page == 0 || ((p[0] == 0x0d || p[0] == 5 || p[0] == 0) && p[1] < 16);
        if (tree && !has_block(f, page, size)) {
            return page;
        }
        page = random_below(r, pages);
    }
    return random_below(r, 16) == 0 ? 0 : page;
}

static void fill(struct test_random *r, uint8_t *p, uint32_t n)
{
    const uint32_t how = random_below(r, 3);
    for (uint32_t i = 0; i < n; i++) {
        p[i] = how == 0 ? (uint8_t)random_bits(r) : how == 1 ? 0x00 : 0xff;
    }
}

static void damage_bytes(struct test_random *r, struct image_file *f, uint32_t from, uint32_t to)
{
    for (uint32_t n = 1 + random_below(r, 8); n > 0; n--) {
        f->now[from + random_below(r, to - from)] ^= (uint8_t)(1 + random_below(r, 255));
    }
}

static void copy_over(struct test_random *r, struct image_file *f, uint32_t from, uint32_t n)
{
    const uint32_t other = random_below(r, f->size / n) * n;
    memcpy(f->now + from, f->bytes + other, n);
}

static const char *wound_page(struct test_random *r, struct image_file *f, uint32_t size)
{
    const uint32_t from = choose_page(r, f, size) * size;
    const uint32_t to = from + size < f->size ? from + size : f->size;
    switch (random_below(r, 5)) {
    case 0:
        f->now[from + random_below(r, to - from)] ^= (uint8_t)(1u << random_below(r, 8));
        return "bit";
    case 1:
        damage_bytes(r, f, from, to);
        return "bytes";
    case 2:
        damage_bytes(r, f, from, from + 100 < to ? from + 100 : to);
        return "head";
    case 3:
        if (to - from == size) {
            copy_over(r, f, from, size);
        }
        return "misplaced";
    default:
        fill(r, f->now + from, random_below(r, 2) == 0 && to - from > SECTOR ? SECTOR : to - from);
        return "page";
    }
}

static struct image_file *choose_file(struct test_random *r)
{
    return &image.file[random_below(r, 3) == 0 ? 0 : random_below(r, image.files)];
}

void wound(struct test_random *random, char *what, size_t cap)
{
    const uint32_t count = 1 + random_below(random, random_below(random, 3) == 0 ? 8 : 2);
    size_t used = 0;
    what[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        struct image_file *f = choose_file(random);
        const uint8_t *h = image.file[0].bytes;
        const uint32_t size = memcmp(h, "SQLite", 6) == 0 ? (uint32_t)h[16] << 8 | h[17] : 4096;
        const char *name = strrchr(f->path, '/') + 1;
        const char *how = "cut";
        if (random_below(random, 24) == 0) {
            f->size_now = random_below(random, f->size);
        } else {
            how = wound_page(random, f, size);
        }
        const int n = snprintf(what + used, cap - used, "%s%s %s", i > 0 ? ", " : "", name, how);
        used += n > 0 && (size_t)n < cap - used ? (size_t)n : 0;
    }
}
