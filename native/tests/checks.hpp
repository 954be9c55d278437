// What the tests share: a model's bytes, and checks that say where they failed.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "model_file.hpp"
#include "sampler.hpp"

#define CHECK(condition)                                                         \
    do {                                                                         \
        if (!(condition)) {                                                      \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                        \
        }                                                                        \
    } while (false)

inline std::string bytes_of(int count, char** words) {
    if (count < 2) {
        std::fprintf(stderr, "usage: %s MODEL.onnx\n", words[0]);
        std::exit(2);
    }
    return caloforge::read_file(words[1]);
}
