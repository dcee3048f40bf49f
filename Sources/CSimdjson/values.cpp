#include "CSimdjson.h"

#include <simdjson.h>

#include <charconv>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

// MARK: Text

namespace {

int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// The code unit of the four digits at `text`; or -1, and `wrong` is where a digit should be.
int32_t code_unit(const uint8_t *text, const uint8_t *end, const uint8_t *&wrong) {
    int32_t unit = 0;
    for (wrong = text; wrong < text + 4; wrong++) {
        int digit = wrong < end ? hex_digit(*wrong) : -1;
        if (digit < 0) return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

uint8_t *put_utf8(uint8_t *out, uint32_t c) {
    if (c < 0x80) {
        *out++ = uint8_t(c);
    } else if (c < 0x800) {
        *out++ = uint8_t(0xc0 | c >> 6);
        *out++ = uint8_t(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = uint8_t(0xe0 | c >> 12);
        *out++ = uint8_t(0x80 | (c >> 6 & 0x3f));
        *out++ = uint8_t(0x80 | (c & 0x3f));
    } else {
        *out++ = uint8_t(0xf0 | c >> 18);
        *out++ = uint8_t(0x80 | (c >> 12 & 0x3f));
        *out++ = uint8_t(0x80 | (c >> 6 & 0x3f));
        *out++ = uint8_t(0x80 | (c & 0x3f));
    }
    return out;
}

} // namespace

extern "C" bool refold_is_plain(const uint8_t *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] == '\\') return false;
    }
    return simdjson::validate_utf8(reinterpret_cast<const char *>(text), length);
}

// The decoded text is never longer than the escaped one: the shortest escape of n UTF-8 bytes has more than n.
extern "C" RefoldText refold_unescape(const uint8_t *source, size_t length, uint8_t *destination) {
    const uint8_t *at = source, *end = source + length;
    uint8_t *out = destination;
    RefoldText text = {REFOLD_TEXT_OK, false, REFOLD_TEXT_OK, 0};
    auto found = [&](RefoldTextStatus status) {
        if (text.status == REFOLD_TEXT_OK) text.status = status;
    };
    auto stopped = [&](RefoldTextStatus status, const uint8_t *place) {
        found(status);
        text.malformed = status;
        text.length = size_t(place - source);
        return text;
    };
    while (at < end) {
        if (*at != '\\') {
            const uint8_t *piece = at;
            while (at < end && *at != '\\') {
                if (*at == 0) found(REFOLD_TEXT_HAS_NUL);
                if (*at < 0x20) return stopped(REFOLD_TEXT_BAD_ESCAPE, at);
                *out++ = *at++;
            }
            if (!simdjson::validate_utf8(reinterpret_cast<const char *>(piece), size_t(at - piece))) {
                return stopped(REFOLD_TEXT_NOT_UTF8, piece);
            }
            continue;
        }
        if (++at == end) return stopped(REFOLD_TEXT_BAD_ESCAPE, at);
        uint8_t c = *at++;
        switch (c) {
        case '"':
        case '\\':
        case '/':
            *out++ = c;
            break;
        case 'b':
            *out++ = '\b';
            break;
        case 'f':
            *out++ = '\f';
            break;
        case 'n':
            *out++ = '\n';
            break;
        case 'r':
            *out++ = '\r';
            break;
        case 't':
            *out++ = '\t';
            break;
        case 'u': {
            const uint8_t *wrong;
            int32_t unit = code_unit(at, end, wrong);
            if (unit < 0) return stopped(REFOLD_TEXT_BAD_CODE_UNIT, wrong);
            at += 4;
            if (unit == 0) found(REFOLD_TEXT_HAS_NUL);
            uint32_t scalar = uint32_t(unit);
            if (unit >= 0xd800 && unit < 0xe000) {
                int32_t low = 0;
                if (unit < 0xdc00 && end - at >= 2 && at[0] == '\\' && at[1] == 'u') {
                    low = code_unit(at + 2, end, wrong);
                    if (low < 0) return stopped(REFOLD_TEXT_BAD_CODE_UNIT, wrong);
                }
                if (low < 0xdc00 || low >= 0xe000) {
                    found(REFOLD_TEXT_HAS_LONE_SURROGATE);
                    text.has_lone_surrogate = true;
                    break;
                }
                at += 6;
                scalar = 0x10000 + (uint32_t(unit - 0xd800) << 10) + uint32_t(low - 0xdc00);
            }
            out = put_utf8(out, scalar);
            break;
        }
        default:
            return stopped(REFOLD_TEXT_BAD_ESCAPE, at - 1);
        }
    }
    text.length = size_t(out - destination);
    return text;
}

extern "C" bool refold_unescapes_to(
    const uint8_t *escaped, size_t length, const uint8_t *plain, size_t plain_length
) {
    std::unique_ptr<uint8_t[]> decoded(new (std::nothrow) uint8_t[length]);
    if (!decoded) return false;
    RefoldText text = refold_unescape(escaped, length, decoded.get());
    return text.status == REFOLD_TEXT_OK && text.length == plain_length
        && std::memcmp(decoded.get(), plain, plain_length) == 0;
}

// MARK: Numbers

namespace {

constexpr int64_t largest_integer = int64_t(1) << 53;

/// A JSON number taken apart: digits × 10^exponent, the digits being those of [first, end) without the point.
struct Decimal {
    bool negative;
    const uint8_t *first;
    const uint8_t *end;
    /// The number of digits behind the point.
    int64_t fraction_digits;
    /// What follows the `e`, clamped to ±10^12, which no number of digits can offset.
    int64_t exponent;
};

bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/// The grammar of RFC 8259, section 6.
bool take_apart(const uint8_t *text, size_t length, Decimal &decimal) {
    const uint8_t *at = text, *end = text + length;
    decimal.negative = at < end && *at == '-';
    if (decimal.negative) at++;
    decimal.first = at;
    if (at == end || !is_digit(*at)) return false;
    if (*at == '0') {
        at++;
    } else {
        while (at < end && is_digit(*at)) at++;
    }
    decimal.fraction_digits = 0;
    if (at < end && *at == '.') {
        const uint8_t *point = at++;
        while (at < end && is_digit(*at)) at++;
        decimal.fraction_digits = at - point - 1;
        if (decimal.fraction_digits == 0) return false;
    }
    decimal.end = at;
    decimal.exponent = 0;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        bool negative = at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+')) at++;
        if (at == end) return false;
        for (; at < end && is_digit(*at); at++) {
            if (decimal.exponent < 1000000000000) decimal.exponent = decimal.exponent * 10 + (*at - '0');
        }
        if (!is_digit(at[-1])) return false;
        if (negative) decimal.exponent = -decimal.exponent;
    }
    return at == end;
}

/// The power of ten of the first digit that is not 0, in `power`; false when all are 0.
bool leading_power(const Decimal &decimal, int64_t &power) {
    int64_t digits = decimal.end - decimal.first - (decimal.fraction_digits ? 1 : 0);
    power = digits - decimal.fraction_digits - 1 + decimal.exponent;
    for (const uint8_t *at = decimal.first; at < decimal.end; at++) {
        if (*at == '.') continue;
        if (*at != '0') return true;
        power--;
    }
    return false;
}

/// Up to 15 digits and nothing else, which is what nearly every number is. Returns false for all others.
bool short_integer(const uint8_t *text, size_t length, int64_t &value) {
    bool negative = length > 0 && text[0] == '-';
    const uint8_t *at = text + negative, *end = text + length;
    size_t digits = size_t(end - at);
    if (digits == 0 || digits > 15 || (digits > 1 && *at == '0')) return false;
    int64_t sum = 0;
    for (; at < end; at++) {
        if (!is_digit(*at)) return false;
        sum = sum * 10 + (*at - '0');
    }
    value = negative ? -sum : sum;
    return true;
}

} // namespace

extern "C" RefoldNumberStatus refold_integer(const uint8_t *text, size_t length, int64_t *value) {
    if (short_integer(text, length, *value)) return REFOLD_NUMBER_OK;
    Decimal decimal;
    if (!take_apart(text, length, decimal)) return REFOLD_NUMBER_MALFORMED;
    int64_t power;
    if (!leading_power(decimal, power)) {
        *value = 0;
        return REFOLD_NUMBER_OK;
    }
    // The power of ten of each digit decides whether it belongs to the whole part.
    int64_t digits = decimal.end - decimal.first - (decimal.fraction_digits ? 1 : 0);
    int64_t place = digits - decimal.fraction_digits - 1 + decimal.exponent;
    int64_t sum = 0;
    bool too_large = power > 15;
    for (const uint8_t *at = decimal.first; at < decimal.end; at++) {
        if (*at == '.') continue;
        if (place < 0) {
            if (*at != '0') return REFOLD_NUMBER_HAS_FRACTION;
        } else if (!too_large) {
            sum = sum * 10 + (*at - '0');
        }
        place--;
    }
    if (too_large) return REFOLD_NUMBER_TOO_LARGE;
    for (; place >= 0; place--) sum *= 10;
    if (sum > largest_integer) return REFOLD_NUMBER_TOO_LARGE;
    *value = decimal.negative ? -sum : sum;
    return REFOLD_NUMBER_OK;
}

extern "C" RefoldNumberStatus refold_double(const uint8_t *text, size_t length, double *value) {
    int64_t whole;
    if (short_integer(text, length, whole)) {
        *value = double(whole);
        return REFOLD_NUMBER_OK;
    }
    Decimal decimal;
    if (!take_apart(text, length, decimal)) return REFOLD_NUMBER_MALFORMED;
    int64_t power;
    // The smallest double is about 4.9e-324 and the largest 1.8e308: decided here, since `from_chars` reports both
    // ends alike.
    if (!leading_power(decimal, power) || power < -400) {
        *value = 0;
        return REFOLD_NUMBER_OK;
    }
    if (power > 400) return REFOLD_NUMBER_TOO_LARGE;
    const char *first = reinterpret_cast<const char *>(text);
    double nearest = 0;
    auto result = std::from_chars(first, first + length, nearest);
    if (result.ec == std::errc::result_out_of_range) {
        if (power > 0) return REFOLD_NUMBER_TOO_LARGE;
        nearest = 0;
    } else if (result.ec != std::errc() || result.ptr != first + length) {
        return REFOLD_NUMBER_MALFORMED;
    }
    if (nearest > std::numeric_limits<double>::max() || nearest < -std::numeric_limits<double>::max()) {
        return REFOLD_NUMBER_TOO_LARGE;
    }
    // -0 and 0 are the same number, and jsonb knows only the one.
    *value = nearest == 0 ? 0.0 : nearest;
    return REFOLD_NUMBER_OK;
}
