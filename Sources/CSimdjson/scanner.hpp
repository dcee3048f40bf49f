#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

/// A plain, byte-by-byte reader of JSON text, for what simdjson does not see: single values, and documents it refuses.
///
/// It has no limit of depth and looks at structure only, so that a number or an escape nobody reads cannot matter.
/// Every function takes and returns positions within [at, end]; `failure` says that the text is not JSON.
namespace refold {

constexpr size_t failure = SIZE_MAX;

inline bool is_space(uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

inline size_t skip_space(const uint8_t *text, size_t at, size_t end) {
    while (at < end && is_space(text[at])) at++;
    return at;
}

/// From the opening quote to behind the closing one.
inline size_t skip_string(const uint8_t *text, size_t at, size_t end) {
    for (at++; at < end; at++) {
        if (text[at] == '"') return at + 1;
        if (text[at] == '\\') at++;
    }
    return failure;
}

/// From the opening bracket to behind the one that closes it.
inline size_t skip_container(const uint8_t *text, size_t at, size_t end) {
    size_t depth = 0;
    while (at < end) {
        switch (text[at]) {
        case '"':
            at = skip_string(text, at, end);
            if (at == failure) return failure;
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0) return at + 1;
            break;
        default:
            break;
        }
        at++;
    }
    return failure;
}

/// From a value's first character to behind its last.
inline size_t skip_value(const uint8_t *text, size_t at, size_t end) {
    if (at >= end) return failure;
    switch (text[at]) {
    case '"':
        return skip_string(text, at, end);
    case '{':
    case '[':
        return skip_container(text, at, end);
    default:
        break;
    }
    size_t first = at;
    while (at < end) {
        uint8_t c = text[at];
        if (is_space(c) || c == ',' || c == ':' || c == '"' || c == '}' || c == ']' || c == '{' || c == '[') break;
        at++;
    }
    return at == first ? failure : at;
}

inline bool has_backslash(const uint8_t *text, size_t length) { return std::memchr(text, '\\', length) != nullptr; }

} // namespace refold
