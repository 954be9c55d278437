/* caloforge: calorimeter showers from a model file, as hits.  A C interface without dependencies.
 *
 *     char message[CALOFORGE_MESSAGE];
 *     caloforge_sampler *sampler;
 *     if (caloforge_open("clic_ecal_fixed.onnx", &sampler, message, sizeof message)) puts(message);
 *     caloforge_shower_maker *maker = caloforge_maker_new(sampler);     // one for each thread
 *     caloforge_particle electron = {"e-", 50.0f, {0, 0, 1500}, {0, 0, 1}};
 *     caloforge_hit hits[20000];
 *     size_t offsets[2];
 *     caloforge_simulate(maker, 42, 0, 1, &electron, hits, 20000, offsets, message, sizeof message);
 *
 * Shower i of a seed is the same whatever else is made: in any batch, thread, instruction set, run.
 * Nothing is thrown, no thread is started, and making showers allocates nothing: a maker has the
 * memory for it.  caloforge.hpp has the same for C++.
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
    CALOFORGE_UNREADABLE,   /* no such file, or not one that can be read */
    CALOFORGE_NOT_A_MODEL,  /* cut, damaged, or not a caloforge model */
    CALOFORGE_NO_TABLES,    /* a model, but not one whose tables are named: other engines run it */
    CALOFORGE_BAD_TABLE,    /* a table that is missing, of another shape, or holds impossible values */
    CALOFORGE_BAD_INPUT,    /* a null pointer, or a number that none can be */
    CALOFORGE_NO_MEMORY,
    CALOFORGE_NO_PLACEMENT, /* the model's card does not say where its cells are */
    CALOFORGE_OTHER,        /* another detector or particle than the model's */
    CALOFORGE_OUT_OF_RANGE, /* an energy or angle that the model was not made for */
    CALOFORGE_TOO_SMALL     /* a buffer with less room than there are hits */
} caloforge_status;

/* A model's tables and card; never changes, so any number of threads may use it. */
typedef struct caloforge_sampler caloforge_sampler;

/* Memory in which one thread makes showers. */
typedef struct caloforge_shower_maker caloforge_shower_maker;

/* What a model's card says; its texts last as long as the sampler. */
typedef struct {
    const char *name;
    const char *detector, *detector_digest; /* the calorimeter's name, and what identifies it */
    const char *particle;                   /* Geant4's name, as "e-" */
    double energy_gev[2];                   /* lowest and highest */
    double theta_rad[2];                    /* to the pads' y axis; pi / 2: perpendicular */
    uint32_t cells[3];                      /* pads in x and y, and layers */
    size_t most_hits;                       /* that a shower can have */
} caloforge_card;

/* A particle that enters the calorimeter. */
typedef struct {
    const char *particle; /* Geant4's name, as "e-" */
    float energy;         /* GeV */
    double impact[3];     /* mm: where its flight meets the front of the calorimeter */
    double direction[3];  /* of the flight, of any length; models of inclined showers on square pads know
                             any, others those in the plane of the normal and the pads' y axis */
    double normal[3];     /* to the layers, into the calorimeter; 0, 0, 0: the flight's direction */
    double pad_y[3];      /* of the pads' y axis; 0, 0, 0: the flight's direction along the layers */
} caloforge_particle;

/* The energy in one cell, in the middle of its pad and of the layer's sensitive material. */
typedef struct {
    float x, y, z;  /* mm, in the frame of the particle */
    float energy;   /* GeV, as the card's calibration says */
    float time;     /* ns from the impact, on a straight line at the speed of light */
    uint32_t cell;  /* (x * Y + y) * Z + z in the image of X * Y pads and Z layers */
    uint32_t layer; /* z, from the front */
} caloforge_hit;

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

/* What the card says. */
CALOFORGE_API caloforge_status caloforge_describe(
    const caloforge_sampler *sampler, caloforge_card *card, char *message, size_t size);

/* Whether the model is of the detector of this name. */
CALOFORGE_API caloforge_status caloforge_check_detector(
    const caloforge_sampler *sampler, const char *detector, char *message, size_t size);

/* Whether the model has showers of this particle: caloforge_simulate refuses what this does. */
CALOFORGE_API caloforge_status caloforge_check_particle(
    const caloforge_sampler *sampler, const caloforge_particle *particle, char *message,
    size_t size);

/* Pads in x and y, and layers. */
CALOFORGE_API void caloforge_shape(const caloforge_sampler *sampler, uint32_t shape[3]);

/* The instruction sets that this machine can run, best first, as "avx512 avx2 portable". */
CALOFORGE_API const char *caloforge_instruction_sets(void);

/* NULL where there is no sampler or no memory left. */
CALOFORGE_API caloforge_shower_maker *caloforge_maker_new(const caloforge_sampler *sampler);
CALOFORGE_API void caloforge_maker_free(caloforge_shower_maker *maker);

/* Keep to an instruction set; it changes the speed alone. */
CALOFORGE_API caloforge_status caloforge_maker_use(
    caloforge_shower_maker *maker, const char *instruction_set);

/* Fill a buffer of `room` hits with the showers first ... first + showers - 1 of a seed, those of
 * shower i in hits[offsets[i]] ... hits[offsets[i + 1] - 1]; `offsets` has room for showers + 1.
 * Up to 16 showers in a call cost less each than one by one.
 *
 * The pads' middle is put where the shower's axis is: the straight line of the flight, moved so
 * that at the depth of the shower's own barycentre it meets the middle pad.
 *
 * If TOO_SMALL, offsets[showers] says how much room there must be, and the same call with more of
 * it makes the same showers.  After any other error all offsets are 0. */
CALOFORGE_API caloforge_status caloforge_simulate(
    caloforge_shower_maker *maker, uint64_t seed, uint64_t first, size_t showers,
    const caloforge_particle *particles, caloforge_hit *hits, size_t room, size_t *offsets,
    char *message, size_t size);

/* The same on pads that stand still, of which `pad` is the middle of any one, mm in the frame of the
 * particles.  Showers have the shape that they have where in its pad their particle enters, and hits
 * lie in the middles of these pads.  Particles must tell `normal` and `pad_y`, unless they fly along
 * the one and the other is the frame's y.  NULL: as caloforge_simulate. */
CALOFORGE_API caloforge_status caloforge_simulate_on_pads(
    caloforge_shower_maker *maker, uint64_t seed, uint64_t first, size_t showers,
    const caloforge_particle *particles, const double *pad, caloforge_hit *hits, size_t room,
    size_t *offsets, char *message, size_t size);

/* Make showers without placing them: of energies in GeV and angles in rad.
 * `hits` stays valid until the maker is used again. */
CALOFORGE_API caloforge_status caloforge_make(
    caloforge_shower_maker *maker, uint64_t seed, uint64_t first, size_t showers,
    const float *energy, const float *theta, caloforge_hits *hits, char *message, size_t size);

#ifdef __cplusplus
}
#endif
#endif
