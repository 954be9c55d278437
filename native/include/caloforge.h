/* caloforge: calorimeter showers from a model file, as hits.  A C interface without dependencies.
 *
 *     char message[CALOFORGE_MESSAGE];
 *     caloforge_sampler *sampler;
 *     if (caloforge_open("clic_ecal_fixed.onnx", &sampler, message, sizeof message)) puts(message);
 *     caloforge_shower_maker *maker = caloforge_maker_new(sampler);     // one for each thread
 *     float energy[] = {50.0f, 100.0f}, theta[] = {1.5708f, 1.5708f};
 *     caloforge_hits hits;
 *     caloforge_make(maker, 42, 0, 2, energy, theta, &hits, message, sizeof message);
 *
 * Shower i of a seed is the same whatever else is made: in any batch, thread, instruction set, run.
 */
#ifndef CALOFORGE_H
#define CALOFORGE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define CALOFORGE_API
#else
#define CALOFORGE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CALOFORGE_MESSAGE 512 /* bytes that hold any message */

typedef enum {
    CALOFORGE_OK = 0,
    CALOFORGE_UNREADABLE,  /* no such file, or not one that can be read */
    CALOFORGE_NOT_A_MODEL, /* damaged, or not a caloforge model */
    CALOFORGE_NO_TABLES,   /* a model, but not one whose tables are named: other engines run it */
    CALOFORGE_BAD_TABLE,   /* a table that is missing, of another shape, or holds impossible values */
    CALOFORGE_BAD_INPUT,   /* an energy or angle that the model was not made for */
    CALOFORGE_NO_MEMORY
} caloforge_status;

/* A model's tables; never changes, so any number of threads may use it. */
typedef struct caloforge_sampler caloforge_sampler;

/* Memory in which one thread makes showers. */
typedef struct caloforge_shower_maker caloforge_shower_maker;

/* Hits of some showers: those of shower i are offsets[i] ... offsets[i + 1] - 1. */
typedef struct {
    size_t showers;
    const int64_t *offsets; /* showers + 1 of them, the first 0 */
    const uint32_t *cell;   /* (x * Y + y) * Z + z, rising within a shower, each once */
    const float *energy;    /* GeV */
} caloforge_hits;

/* Read a model file.  `message` (of `size` bytes) gets one line where the result is not OK. */
CALOFORGE_API caloforge_status caloforge_open(
    const char *path, caloforge_sampler **sampler, char *message, size_t size);

/* The same from memory, which may be freed afterwards. */
CALOFORGE_API caloforge_status caloforge_open_bytes(
    const void *bytes, size_t length, caloforge_sampler **sampler, char *message, size_t size);

/* Its makers must be gone. */
CALOFORGE_API void caloforge_close(caloforge_sampler *sampler);

/* Pads in x and y, and layers. */
CALOFORGE_API void caloforge_shape(const caloforge_sampler *sampler, uint32_t shape[3]);

/* The instruction sets that this machine can run, best first, as "avx512 avx2 portable". */
CALOFORGE_API const char *caloforge_instruction_sets(void);

/* NULL where there is no memory left. */
CALOFORGE_API caloforge_shower_maker *caloforge_maker_new(const caloforge_sampler *sampler);
CALOFORGE_API void caloforge_maker_free(caloforge_shower_maker *maker);

/* Keep to an instruction set; it changes the speed alone. */
CALOFORGE_API caloforge_status caloforge_maker_use(
    caloforge_shower_maker *maker, const char *instruction_set);

/* Make the showers first ... first + showers - 1 of a seed, of energies in GeV and angles in rad.
 * `hits` stays valid until the maker is used again. */
CALOFORGE_API caloforge_status caloforge_make(
    caloforge_shower_maker *maker, uint64_t seed, uint64_t first, size_t showers,
    const float *energy, const float *theta, caloforge_hits *hits, char *message, size_t size);

#ifdef __cplusplus
}
#endif
#endif
