// JSON as a model card is written, read from text that may be damaged.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace caloforge {

// A value, and what is inside it.
class Json {
  public:
    // Throws Error.
    static Json parse(std::string_view text);

    // The value behind names as "detector.name"; null where there is none.
    const Json* find(std::string_view path) const;

    // Of the value behind names; these throw Error where it is missing, or of another kind.
    const std::string& text(std::string_view path) const;
    // Finite ones; as many as `count`, if that is not zero.
    std::vector<double> numbers(std::string_view path, std::size_t count = 0) const;
    std::vector<std::string> texts(std::string_view path) const;

  private:
    enum class Kind { nothing, number, text, list, object };
    friend class JsonReader;

    const Json& list(std::string_view path) const;

    Kind kind_ = Kind::nothing;  // also of true and false, which nobody asks for
    double number_ = 0;
    std::string text_;
    std::vector<Json> list_;
    std::map<std::string, Json, std::less<>> object_;
};

// Refuses a card; throws Error.
[[noreturn]] void damaged_card(const std::string& what);

}  // namespace caloforge
