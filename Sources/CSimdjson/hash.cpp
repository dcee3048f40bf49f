#include "CSimdjson.h"

#include <cstring>
#include <random>

namespace {

uint64_t load64(const uint8_t *bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    return word;
}

uint64_t load32(const uint8_t *bytes) {
    uint32_t word;
    std::memcpy(&word, bytes, 4);
    return word;
}

RefoldHashSecrets draw() {
    std::random_device source;
    auto number = [&] { return uint64_t(source()) << 32 | source(); };
    return {number(), number(), number()};
}

} // namespace

const RefoldHashSecrets refold_hash_secrets = draw();

// The construction of wyhash (Wang Yi, https://github.com/wangyi-fudan/wyhash, public domain), shortened: multiply,
// fold, and take the length in. All its constants are secrets: with known ones anybody could make up keys that share a
// hash.
extern "C" uint64_t refold_hash(const uint8_t *bytes, size_t count) {
    const RefoldHashSecrets &secrets = refold_hash_secrets;
    uint64_t seed = secrets.start, a, b;
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
            seed = refold_mix(load64(at) ^ secrets.word, load64(at + 8) ^ seed);
            at += 16;
            left -= 16;
        }
        a = load64(at + left - 16);
        b = load64(at + left - 8);
    }
    return refold_mix(secrets.length ^ count, refold_mix(a ^ secrets.word, b ^ seed));
}
