// A reader of the few protobuf messages of ONNX that hold metadata and initializers.
//
// Every length is checked against what is left; what is not known is skipped, as protobuf asks for.
#include "model_file.hpp"

#include <limits>

namespace caloforge {
namespace {

[[noreturn]] void damaged() {
    throw Error(CALOFORGE_NOT_A_MODEL, "not an ONNX file, or a damaged one");
}

// The fields of one protobuf message, one after the other.
class Message {
  public:
    explicit Message(std::string_view bytes) : left_(bytes) {}

    std::uint32_t field = 0;
    std::uint64_t number = 0;  // of a varint field
    std::string_view bytes;    // of a length-delimited field
    bool is_bytes = false;

    bool next() {
        if (left_.empty()) return false;
        const std::uint64_t key = varint();
        if (key >> 3 == 0 || key >> 3 > 0x1fffffff) damaged();
        field = static_cast<std::uint32_t>(key >> 3);
        number = 0;
        bytes = {};
        is_bytes = (key & 7) == 2;
        switch (key & 7) {
            case 0: number = varint(); break;
            case 1: take(8); break;
            case 2: bytes = take(varint()); break;
            case 5: take(4); break;
            default: damaged();
        }
        return true;
    }

    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const auto byte = static_cast<unsigned char>(take(1)[0]);
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        damaged();
    }

    bool empty() const { return left_.empty(); }

  private:
    std::string_view take(std::uint64_t length) {
        if (length > left_.size()) damaged();
        const std::string_view taken = left_.substr(0, static_cast<std::size_t>(length));
        left_.remove_prefix(taken.size());
        return taken;
    }

    std::string_view left_;
};

void read_metadata(std::string_view bytes, ModelFile& file) {
    std::string key, value;
    for (Message entry(bytes); entry.next();) {
        if (entry.field == 1) key = std::string(entry.bytes);
        if (entry.field == 2) value = std::string(entry.bytes);
    }
    file.metadata[key] = value;
}

ElementType element_type(std::uint64_t code) {
    return code == 1 ? ElementType::float32 : code == 7 ? ElementType::int64 : ElementType::other;
}

void read_initializer(std::string_view bytes, ModelFile& file) {
    std::string name;
    Tensor tensor;
    for (Message part(bytes); part.next();) {
        if (part.field == 1 && part.is_bytes) {
            for (Message packed(part.bytes); !packed.empty();)
                tensor.dims.push_back(static_cast<std::int64_t>(packed.varint()));
        } else if (part.field == 1) {
            tensor.dims.push_back(static_cast<std::int64_t>(part.number));
        } else if (part.field == 2) {
            tensor.type = element_type(part.number);
        } else if (part.field == 8) {
            name = std::string(part.bytes);
        } else if (part.field == 9) {
            tensor.raw = part.bytes;
        }
    }
    file.initializers[name] = tensor;
}

}  // namespace

ModelFile parse_model_file(std::string_view bytes) {
    constexpr std::uint32_t graph = 7, metadata_props = 14, initializer = 5;
    ModelFile file;
    for (Message model(bytes); model.next();) {
        if (model.field == metadata_props) read_metadata(model.bytes, file);
        if (model.field != graph) continue;
        for (Message part(model.bytes); part.next();)
            if (part.field == initializer) read_initializer(part.bytes, file);
    }
    return file;
}

}  // namespace caloforge
