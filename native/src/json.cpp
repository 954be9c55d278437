#include "json.hpp"

#include <cmath>
#include <cstring>
#include <locale>
#include <sstream>

#include "model_file.hpp"

namespace caloforge {

void damaged_card(const std::string& what) {
    throw Error(CALOFORGE_NOT_A_MODEL, "its model card is damaged: " + what);
}

// Goes through the text once; what is none of JSON's is refused.
class JsonReader {
  public:
    explicit JsonReader(std::string_view text) : left_(text) {}

    Json whole() {
        Json value = this->value(0);
        skip_spaces();
        if (!left_.empty()) damaged_card("there is more behind its end");
        return value;
    }

  private:
    static constexpr int deepest = 32;

    void skip_spaces() {
        while (!left_.empty() && std::strchr(" \t\r\n", left_[0]) && left_[0] != 0)
            left_.remove_prefix(1);
    }

    char next() {
        if (left_.empty()) damaged_card("it is cut");
        const char letter = left_[0];
        left_.remove_prefix(1);
        return letter;
    }

    bool takes(char letter) {
        skip_spaces();
        if (left_.empty() || left_[0] != letter) return false;
        left_.remove_prefix(1);
        return true;
    }

    void must_take(char letter) {
        if (!takes(letter)) damaged_card(left_.empty() ? "it is cut" : "it is no JSON");
    }

    Json value(int depth) {
        if (depth > deepest) damaged_card("it is nested too deeply");
        Json value;
        if (takes('{')) {
            value.kind_ = Json::Kind::object;
            if (takes('}')) return value;
            do {
                must_take('"');
                const std::string name = text();
                must_take(':');
                value.object_[name] = this->value(depth + 1);
            } while (takes(','));
            must_take('}');
        } else if (takes('[')) {
            value.kind_ = Json::Kind::list;
            if (takes(']')) return value;
            do value.list_.push_back(this->value(depth + 1));
            while (takes(','));
            must_take(']');
        } else if (takes('"')) {
            value.kind_ = Json::Kind::text;
            value.text_ = text();
        } else {
            word(value);
        }
        return value;
    }

    // What follows a quotation mark, to the next one.
    std::string text() {
        std::string text;
        for (char letter = next(); letter != '"'; letter = next())
            text += letter == '\\' ? escaped() : letter;
        return text;
    }

    char escaped() {
        const char letter = next();
        if (letter == 'u') {
            for (int digit = 0; digit < 4; ++digit) next();
            return '?';
        }
        const char* found = std::strchr("b\bf\fn\nr\rt\t", letter);
        return found && letter >= 'a' ? found[1] : letter;
    }

    // A number, true, false or null.
    void word(Json& value) {
        const std::string word(left_.substr(0, left_.find_first_of(",]} \t\r\n")));
        left_.remove_prefix(word.size());
        if (word == "true" || word == "false" || word == "null") return;
        std::istringstream number(word);
        number.imbue(std::locale::classic());
        if (!(number >> value.number_) || !number.eof())
            damaged_card(word.empty() ? "it is cut" : "'" + word.substr(0, 40) + "'");
        value.kind_ = Json::Kind::number;
    }

    std::string_view left_;
};

Json Json::parse(std::string_view text) { return JsonReader(text).whole(); }

const Json* Json::find(std::string_view path) const {
    const std::size_t dot = path.find('.');
    const auto entry = object_.find(path.substr(0, dot));
    if (entry == object_.end()) return nullptr;
    return dot == path.npos ? &entry->second : entry->second.find(path.substr(dot + 1));
}

const std::string& Json::text(std::string_view path) const {
    const Json* value = find(path);
    if (value == nullptr || value->kind_ != Kind::text) damaged_card(std::string(path));
    return value->text_;
}

const Json& Json::list(std::string_view path) const {
    const Json* value = find(path);
    if (value == nullptr || value->kind_ != Kind::list) damaged_card(std::string(path));
    return *value;
}

std::vector<double> Json::numbers(std::string_view path, std::size_t count) const {
    std::vector<double> numbers;
    for (const Json& each : list(path).list_) {
        if (each.kind_ != Kind::number || !std::isfinite(each.number_))
            damaged_card(std::string(path));
        numbers.push_back(each.number_);
    }
    if (count != 0 && numbers.size() != count) damaged_card(std::string(path));
    return numbers;
}

std::vector<std::string> Json::texts(std::string_view path) const {
    std::vector<std::string> texts;
    for (const Json& each : list(path).list_) {
        if (each.kind_ != Kind::text) damaged_card(std::string(path));
        texts.push_back(each.text_);
    }
    return texts;
}

}  // namespace caloforge
