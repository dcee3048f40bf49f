#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A field of a JSON object: where its name and its value stand, as offsets from the start of the indexed bytes.
///
/// The name's bytes lie between its quotes. The value's bytes run from its first to its last character, quotes and
/// brackets included, with no space around them. Nothing is decoded: a value is only ever judged when it is read.
typedef struct {
    uint32_t name_offset;
    /// The length in bytes, and `REFOLD_ESCAPED` when a backslash is among them.
    uint32_t name_length;
    uint32_t value_offset;
    /// The length in bytes, and `REFOLD_ESCAPED` when the value is a string that needs `refold_unescape`.
    uint32_t value_length;
} RefoldField;

enum { REFOLD_LENGTH_MASK = 0x7fffffff };
#define REFOLD_ESCAPED 0x80000000u

/// One JSON text of several in a buffer.
typedef struct {
    uint32_t offset;
    uint32_t length;
    /// Set by `refold_indexer_index`: the place of its first field among all fields, and their number;
    /// a negative number when there are none to speak of.
    uint32_t first_field;
    int32_t field_count;
} RefoldDocument;

enum {
    REFOLD_NOT_AN_OBJECT = -1,
    REFOLD_MALFORMED = -2,
    /// The indexer leaves the document to a reader that goes byte by byte.
    REFOLD_UNREAD = -3,
};

/// Finds the fields of many small JSON objects. Holds memory that is reused from call to call.
typedef struct RefoldIndexer RefoldIndexer;

/// Returns null when memory is short. All but a few words of its memory are allocated when it first indexes.
RefoldIndexer *refold_indexer_create(void);
void refold_indexer_destroy(RefoldIndexer *indexer);

/// Indexes `count` documents that lie in `json` in order, each followed by a newline.
///
/// simdjson finds the structural characters of a whole run of documents at once; only the outermost object of each is
/// walked. Documents are expected to be valid JSON, as PostgreSQL has checked them. One that is larger than a run, or that
/// does not look like an object, is marked `REFOLD_UNREAD`.
/// Returns the number of those, or -1 when memory is short.
ptrdiff_t refold_indexer_index(RefoldIndexer *indexer, const uint8_t *json, RefoldDocument *documents, size_t count);

/// The fields that the last call found, in order; valid until the next call.
const RefoldField *refold_indexer_fields(const RefoldIndexer *indexer);
size_t refold_indexer_field_count(const RefoldIndexer *indexer);

/// Random numbers drawn when the process starts: a writer of keys cannot know which of them will collide.
typedef struct {
    uint64_t start, word, length;
} RefoldHashSecrets;

extern const RefoldHashSecrets refold_hash_secrets;

/// The two halves of the 128-bit product, folded together, and the factors with them: a factor of 0 alone would make
/// all others alike.
static inline uint64_t refold_mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return a ^ (uint64_t)product ^ b ^ (uint64_t)(product >> 64);
}

/// A hash of short byte strings: fast, well mixed, different in every process.
uint64_t refold_hash(const uint8_t *bytes, size_t count);

/// The hash of a text, given its own, together with a number. Mixed twice: once, equal steps from number to number would
/// leave equal steps from hash to hash.
static inline uint64_t refold_hash_with(uint64_t text, uint64_t number) {
    uint64_t mixed = refold_mix(text ^ refold_hash_secrets.start, number ^ refold_hash_secrets.word);
    return refold_mix(mixed, refold_hash_secrets.length);
}

/// Begins to fetch a line of memory into the processor's cache; the address need not be valid.
static inline void refold_prefetch(const void *address) { __builtin_prefetch(address); }

typedef enum {
    REFOLD_TEXT_OK,
    REFOLD_TEXT_HAS_NUL,
    REFOLD_TEXT_HAS_LONE_SURROGATE,
    REFOLD_TEXT_NOT_UTF8,
    /// A backslash with a letter that is no escape, or a control character.
    REFOLD_TEXT_BAD_ESCAPE,
    /// `\u` without four hexadecimal digits.
    REFOLD_TEXT_BAD_CODE_UNIT,
} RefoldTextStatus;

/// What decoding the contents of a string gave.
typedef struct {
    /// The first thing found that a stored text cannot contain.
    RefoldTextStatus status;
    /// Whether half of a surrogate pair was left out.
    bool has_lone_surrogate;
    /// Why decoding ended before the contents did; 0 when it did not.
    RefoldTextStatus malformed;
    /// The bytes that were decoded; when malformed, where in the contents.
    size_t length;
} RefoldText;

/// Whether string contents are UTF-8 and need no decoding: no escapes, no control characters.
bool refold_is_plain(const uint8_t *text, size_t length);

/// Decodes the escapes of the string contents `source` into `destination`, which has room for `length` bytes.
///
/// JSON may have a NUL and half of a surrogate pair: these are reported, and decoding continues.
RefoldText refold_unescape(const uint8_t *source, size_t length, uint8_t *destination);

/// Whether the string contents `escaped`, decoded, are the bytes `plain`.
bool refold_unescapes_to(const uint8_t *escaped, size_t length, const uint8_t *plain, size_t plain_length);

typedef enum {
    REFOLD_NUMBER_OK,
    REFOLD_NUMBER_MALFORMED,
    /// Not an integer: the exact decimal value has a fraction.
    REFOLD_NUMBER_HAS_FRACTION,
    /// Beyond ±2^53 as an integer, or beyond the largest double.
    REFOLD_NUMBER_TOO_LARGE,
} RefoldNumberStatus;

/// The exact value of a JSON number that is an integer within ±2^53, however it is written (3.6e3 is 3600).
RefoldNumberStatus refold_integer(const uint8_t *text, size_t length, int64_t *value);

/// The double nearest to a JSON number; never -0, never infinite.
RefoldNumberStatus refold_double(const uint8_t *text, size_t length, double *value);

#ifdef __cplusplus
}
#endif
