#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace refold {

inline uint64_t load64(const uint8_t *bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    return word;
}

inline uint64_t load32(const uint8_t *bytes) {
    uint32_t word;
    std::memcpy(&word, bytes, 4);
    return word;
}

/// The two halves of the 128-bit product, folded together.
inline uint64_t mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return uint64_t(product) ^ uint64_t(product >> 64);
}

// The construction of wyhash (Wang Yi, https://github.com/wangyi-fudan/wyhash, public domain), shortened: multiply,
// fold, and take the length in.
inline uint64_t hash(const uint8_t *bytes, size_t count) {
    constexpr uint64_t k0 = 0xa0761d6478bd642f, k1 = 0xe7037ed1a0b428db, k2 = 0x8ebc6af09c88c6e3;
    uint64_t seed = k0, a, b;
    if (count <= 16) {
        if (count >= 8) {
            a = load64(bytes);
            b = load64(bytes + count - 8);
        } else if (count >= 4) {
            a = load32(bytes);
            b = load32(bytes + count - 4);
        } else if (count > 0) {
            a = uint64_t(bytes[0]) << 16 | uint64_t(bytes[count >> 1]) << 8 | bytes[count - 1];
            b = 0;
        } else {
            a = b = 0;
        }
    } else {
        size_t left = count;
        const uint8_t *at = bytes;
        while (left > 16) {
            seed = mix(load64(at) ^ k1, load64(at + 8) ^ seed);
            at += 16;
            left -= 16;
        }
        a = load64(at + left - 16);
        b = load64(at + left - 8);
    }
    return mix(k2 ^ count, mix(a ^ k1, b ^ seed));
}

} // namespace refold
