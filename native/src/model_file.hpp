// What a sampler needs of an ONNX file: its metadata and its initializers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "caloforge.h"

namespace caloforge {

// Something that the user can mend; `what` is one line of ASCII, whatever names the file holds.
struct Error : std::runtime_error {
    Error(caloforge_status status_, std::string line)
        : std::runtime_error(printable(std::move(line))), status(status_) {}

    static std::string printable(std::string line) {
        for (char& letter : line)
            if (letter < ' ' || letter > '~') letter = '?';
        return line;
    }
    caloforge_status status;
};

enum class ElementType { other = 0, float32 = 1, int64 = 7 };

// An initializer; `raw` are its little-endian bytes, in the memory that was read.
struct Tensor {
    ElementType type = ElementType::other;
    std::vector<std::int64_t> dims;
    std::string_view raw;
};

struct ModelFile {
    std::map<std::string, std::string, std::less<>> metadata;
    std::map<std::string, Tensor, std::less<>> initializers;
};

// The parts of an ONNX file that lies in memory; tensors refer to that memory.
ModelFile parse_model_file(std::string_view bytes);

}  // namespace caloforge
