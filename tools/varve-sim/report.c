// SPDX-License-Identifier: Apache-2.0
// Figures, text and JSON; see report.h.
//
// Lifetime. The shorter of two forecasts:
//   by volume  all blocks' rated cycles, over the blocks' worth of pages programmed per year: what
//              perfect wear levelling would give. Includes what garbage collection programmed;
//   by block   rated cycles over the yearly erases of the most worn block. Only from
//   BLOCK_ERASES_MIN
//              erases on: before that the one erase more or less that a block happens to have had
//              would decide.
#include "report.h"

#include <inttypes.h>
#include <math.h>

#define YEAR_MS          (365.25 * 86400e3)
#define BLOCK_ERASES_MIN 16u

static const char *const kinds[] = {
    [VARVE_SIM_FTL] = "ftl", [VARVE_SIM_NOR] = "nor", [VARVE_SIM_NAND] = "nand"};

static double per(double amount, double of)
{
    return of > 0 ? amount / of : 0;
}

double report_lifetime_years(const struct varve_sim_device *device,
                             const struct varve_sim_counters *flash, int64_t span_ms)
{
    const double years = (double)span_ms / YEAR_MS;
    if (flash->device_bytes == 0 || span_ms <= 0) {
        return INFINITY;
    }
    const double cycles = (double)flash->blocks * device->endurance;
    const double used = (double)flash->device_bytes / device->erase_block_bytes;
    const double by_volume = cycles / used * years;
    if (flash->max_block_erases < BLOCK_ERASES_MIN) {
        return by_volume;
    }
    const double by_block = (double)device->endurance / flash->max_block_erases * years;
    return by_block < by_volume ? by_block : by_volume;
}

// The device's counters. On raw flash they are those of the chip: nothing is below varve there.
static void take_counters(const struct run_result *result, struct varve_sim_counters *out)
{
    struct varve_sim_nor_counters chip;
    varve_sim_counters(out);
    if (result->sectors > 0) {
        varve_sim_nor_counters(&chip);
        out->host_bytes = out->device_bytes = chip.bytes;
        out->erases = chip.erases;
        out->blocks = result->sectors;
        out->max_block_erases = chip.max_sector_erases;
        out->min_block_erases = chip.min_sector_erases;
    }
}

// ---- JSON ---------------------------------------------------------------------------------------

static void put_text(FILE *out, const char *text)
{
    (void)fputc('"', out); // the stream is checked at the end
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 0x20) {
            (void)fprintf(out, "\\u%04x", c);
        } else {
            (void)fprintf(out, c == '"' || c == '\\' ? "\\%c" : "%c", c);
        }
    }
    (void)fputc('"', out);
}

static void put_count(FILE *out, const char *name, uint64_t value)
{
    (void)fprintf(out, ",\"%s\":%" PRIu64, name, value);
}

// Rounded: the last digits of a double are noise. Infinite is null.
static void put_ratio(FILE *out, const char *name, double value)
{
    if (isfinite(value)) {
        (void)fprintf(out, ",\"%s\":%.4f", name, value);
    } else {
        (void)fprintf(out, ",\"%s\":null", name);
    }
}

static void put_inputs(FILE *out, const struct options *options,
                       const struct varve_sim_device *device)
{
    (void)fputs("{\"board\":", out);
    put_text(out, options->board);
    (void)fputs(",\"workload\":", out);
    put_text(out, options->workload);
    put_count(out, "seed", options->seed);
    (void)fprintf(out, ",\"kind\":\"%s\"", kinds[device->kind]);
    put_count(out, "page", device->page_bytes);
    put_count(out, "erase_block", device->erase_block_bytes);
    put_count(out, "capacity", device->capacity_bytes);
    put_count(out, "spare", device->spare_percent);
    put_count(out, "endurance", device->endurance);
}

static void put_samples(FILE *out, const struct run_result *result)
{
    put_ratio(out, "days", (double)result->span_ms / 86400e3);
    put_count(out, "samples", result->samples);
    put_count(out, "series", result->series);
    put_count(out, "refused", result->refused);
    put_count(out, "dropped", result->dropped);
    put_count(out, "dropped_blocks", result->dropped_blocks);
    put_count(out, "lost", result->lost);
    put_count(out, "reboots", result->reboots);
    put_count(out, "cuts", result->cuts);
    put_count(out, "memory_used", result->memory_used);
    put_count(out, "heap_first_day", result->heap_first_day);
    put_count(out, "heap_end", result->heap_end);
    put_count(out, "heap_max", result->heap_max);
}

static void put_flash(FILE *out, const struct varve_sim_device *device,
                      const struct varve_sim_counters *flash, const struct run_result *result)
{
    const double samples = (double)result->samples;
    put_count(out, "flash_bytes", result->flash_bytes);
    put_ratio(out, "flash_bytes_per_sample", per((double)result->flash_bytes, samples));
    put_count(out, "host_bytes", flash->host_bytes);
    put_ratio(out, "host_bytes_per_sample", per((double)flash->host_bytes, samples));
    put_count(out, "device_bytes", flash->device_bytes);
    put_ratio(out, "device_bytes_per_sample", per((double)flash->device_bytes, samples));
    put_ratio(out, "write_amplification",
              per((double)flash->device_bytes, (double)flash->host_bytes));
    put_count(out, "stored_bytes", result->stored_bytes);
    put_count(out, "raw_bytes", result->raw_bytes);
    put_count(out, "raw_samples", result->raw_samples);
    put_ratio(out, "stored_bytes_per_sample",
              per((double)result->raw_bytes, (double)result->raw_samples));
    put_count(out, "syncs", result->syncs);
    put_count(out, "operations", result->operations);
    put_count(out, "erases", flash->erases);
    put_count(out, "blocks", flash->blocks);
    put_count(out, "max_block_erases", flash->max_block_erases);
    put_count(out, "min_block_erases", flash->min_block_erases);
    if (result->sectors > 0) {
        put_count(out, "sectors", result->sectors);
        put_count(out, "sectors_bad", result->sectors_bad);
        put_count(out, "sector_erases_min", result->sector_erases_min);
        put_count(out, "sector_erases_max", result->sector_erases_max);
    }
    put_ratio(out, "lifetime_years", report_lifetime_years(device, flash, result->span_ms));
}

void report_json(FILE *out, const struct options *options, const struct varve_sim_device *device,
                 const struct run_result *result)
{
    struct varve_sim_counters flash;
    take_counters(result, &flash);
    put_inputs(out, options, device);
    put_samples(out, result);
    put_flash(out, device, &flash, result);
    if (options->timing) {
        put_ratio(out, "cpu_ns_per_sample", per(result->cpu_s * 1e9, (double)result->samples));
        put_ratio(out, "wall_s", result->wall_s);
    }
    (void)fputs("}\n", out);
}

// ---- text ---------------------------------------------------------------------------------------

static void say_samples(FILE *out, const struct options *options, const struct run_result *result)
{
    (void)fprintf(out, "device life   board %s, %s, seed %" PRIu64 ", %.1f days\n", options->board,
                  options->workload, options->seed, (double)result->span_ms / 86400e3);
    (void)fprintf(out,
                  "samples       %" PRIu64 " of %u series; refused %" PRIu64 ", dropped %" PRIu64
                  ", lost %" PRIu64 "; restarts %" PRIu64 ", power cuts %" PRIu64 "\n",
                  result->samples, result->series, result->refused, result->dropped, result->lost,
                  result->reboots, result->cuts);
}

static void say_flash(FILE *out, const struct varve_sim_device *device,
                      const struct varve_sim_counters *flash, const struct run_result *result)
{
    const double samples = (double)result->samples;
    const double years = report_lifetime_years(device, flash, result->span_ms);
    (void)fprintf(out,
                  "flash         %s, page %u, erase block %u, %" PRIu64
                  " MiB + %u %% spare, %u cycles\n",
                  kinds[device->kind], device->page_bytes, device->erase_block_bytes,
                  device->capacity_bytes >> 20, device->spare_percent, device->endurance);
    (void)fprintf(
        out, "written       %8.3f B/sample by varve     (%" PRIu64 " bytes, %" PRIu64 " syncs)\n",
        per((double)result->flash_bytes, samples), result->flash_bytes, result->syncs);
    (void)fprintf(out, "              %8.3f B/sample by the filesystem, its tables included\n",
                  per((double)flash->host_bytes, samples));
    (void)fprintf(out, "              %8.3f B/sample in the device (write amplification %.3f)\n",
                  per((double)flash->device_bytes, samples),
                  per((double)flash->device_bytes, (double)flash->host_bytes));
    (void)fprintf(out, "stored        %" PRIu64 " KiB, raw %.3f B/sample (%" PRIu64 " samples)\n",
                  result->stored_bytes / 1024,
                  per((double)result->raw_bytes, (double)result->raw_samples), result->raw_samples);
    (void)fprintf(out, "wear          %" PRIu64 " erases of %u blocks, %u to %u each\n",
                  flash->erases, flash->blocks, flash->min_block_erases, flash->max_block_erases);
    if (result->sectors > 0) {
        (void)fprintf(out, "sectors       %u, %u bad, %u to %u erases each by the ledger\n",
                      result->sectors, result->sectors_bad, result->sector_erases_min,
                      result->sector_erases_max);
    }
    if (isfinite(years)) {
        (void)fprintf(out, "lifetime      %.1f years\n", years);
    } else {
        (void)fprintf(out, "lifetime      unlimited: nothing was written\n");
    }
}

void report_text(FILE *out, const struct options *options, const struct varve_sim_device *device,
                 const struct run_result *result)
{
    struct varve_sim_counters flash;
    take_counters(result, &flash);
    say_samples(out, options, result);
    say_flash(out, device, &flash, result);
    if (options->timing) {
        (void)fprintf(out, "time          %.1f s, %.1f ns of CPU per sample\n", result->wall_s,
                      per(result->cpu_s * 1e9, (double)result->samples));
    }
}
