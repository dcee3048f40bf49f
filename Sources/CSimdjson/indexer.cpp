#include "CSimdjson.h"

#include <simdjson.h>

#include <cstring>
#include <memory>
#include <new>
#include <vector>

// The indexer uses simdjson's first stage, which lies in its `internal` namespace, instead of the public On-Demand
// interface. On-Demand takes 285 ns for a document like those of the sample log (195 bytes, 5.6 fields), whether it
// iterates over one document or over many; the first stage and the walk below take 55 ns (simdjson 3.0, mean of three runs
// over 2,000,000 documents in batches of 100). A rebuild costs about 1.6 µs of processor time an event, so the difference
// is 14 % of it.

namespace {

/// simdjson gets runs of documents up to this size, so that its index stays in the processor's cache and its memory is
/// bounded (four bytes for each of these).
constexpr size_t run_capacity = 256 * 1024;

inline bool is_space(uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

inline bool has_backslash(const uint8_t *text, size_t length) { return std::memchr(text, '\\', length) != nullptr; }

inline RefoldField make_field(
    const uint8_t *json, size_t name, size_t name_end, size_t value, size_t value_end, bool may_escape
) {
    RefoldField field;
    size_t name_length = name_end - name;
    size_t value_length = value_end - value;
    bool escaped = may_escape && has_backslash(json + name, name_length);
    field.name_offset = uint32_t(name);
    field.name_length = uint32_t(name_length) | (escaped ? REFOLD_ESCAPED : 0);
    field.value_offset = uint32_t(value);
    escaped = may_escape && json[value] == '"' && has_backslash(json + value, value_length);
    field.value_length = uint32_t(value_length) | (escaped ? REFOLD_ESCAPED : 0);
    return field;
}

} // namespace

struct RefoldIndexer {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> structure;
    /// The fields found so far are the first `field_count` of these.
    std::vector<RefoldField> fields;
    size_t field_count = 0;

    void prepare();
    size_t index_run(const uint8_t *json, RefoldDocument *documents, size_t count);
    bool walk(const uint8_t *json, size_t base, RefoldDocument &document, const uint32_t *&next);
    /// Makes room for so many more fields.
    void reserve(size_t more) {
        if (fields.size() - field_count < more) fields.resize(field_count + more + fields.size() / 2);
    }
};

void RefoldIndexer::prepare() {
    if (structure) return;
    // A depth of 1: only `parse` needs the stack, and it is never called.
    auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(run_capacity, 1, structure);
    if (error != simdjson::SUCCESS) throw std::bad_alloc();
}

/// Indexes documents that together lie within `run_capacity` bytes. Returns how many it leaves unread.
size_t RefoldIndexer::index_run(const uint8_t *json, RefoldDocument *documents, size_t count) {
    prepare();
    size_t base = documents[0].offset;
    size_t length = documents[count - 1].offset + documents[count - 1].length - base;
    // Valid documents next to each other have the structure that each has alone. One with an open string takes the
    // newline behind it into that string, which simdjson reports: then each document has to be read on its own.
    if (structure->stage1(json + base, length, simdjson::stage1_mode::regular) != simdjson::SUCCESS) {
        for (size_t i = 0; i < count; i++) documents[i].field_count = REFOLD_UNREAD;
        return count;
    }
    size_t unread = 0;
    // Behind the last structural character, one that is in no document.
    structure->structural_indexes[structure->n_structural_indexes] = uint32_t(length);
    const uint32_t *next = structure->structural_indexes.get();
    const uint32_t *const structure_end = next + structure->n_structural_indexes;
    for (size_t i = 0; i < count; i++) {
        // `walk` writes a field for every four structural characters at most: name, colon, value and what follows.
        reserve(size_t(structure_end - next) / 4 + 1);
        if (!walk(json, base, documents[i], next)) {
            documents[i].field_count = REFOLD_UNREAD;
            unread++;
            size_t end = documents[i].offset + documents[i].length - base;
            while (*next < end) next++;
        }
    }
    return unread;
}

/// Follows the structural characters of one document; false when they are not those of an object, and only of one.
bool RefoldIndexer::walk(const uint8_t *json, size_t base, RefoldDocument &document, const uint32_t *&next) {
    const uint8_t *text = json + base;
    const uint32_t *at = next;
    const size_t end = document.offset + document.length - base;
    RefoldField *const first_field = fields.data() + field_count;
    RefoldField *field = first_field;
    // Each step stops at the first position that is not within the document.
    if (*at >= end || text[*at] != '{') return false;
    at++;
    if (*at >= end) return false;
    const bool may_escape = has_backslash(json + document.offset, document.length);
    if (text[*at] == '}') {
        at++;
    } else {
        for (;;) {
            // name
            if (*at >= end || text[*at] != '"') return false;
            size_t name = *at + 1;
            at++;
            if (*at >= end || text[*at] != ':') return false;
            size_t name_end = *at - 1;
            while (is_space(text[name_end])) name_end--;
            if (name_end < name || text[name_end] != '"') return false;
            at++;
            // value
            if (*at >= end) return false;
            size_t value = *at;
            size_t value_end;
            uint8_t c = text[value];
            if (c == '{' || c == '[') {
                size_t depth = 1;
                do {
                    at++;
                    if (*at >= end) return false;
                    uint8_t inner = text[*at];
                    depth += (inner == '{') | (inner == '[');
                    depth -= (inner == '}') | (inner == ']');
                } while (depth != 0);
                value_end = *at + 1;
                at++;
            } else {
                at++;
                if (*at >= end) return false;
                value_end = *at;
                while (is_space(text[value_end - 1])) value_end--;
                if (value_end <= value) return false;
                if (c == '"' && (value_end - value < 2 || text[value_end - 1] != '"')) return false;
            }
            *field++ = make_field(json, base + name, base + name_end, base + value, base + value_end, may_escape);
            if (*at >= end) return false;
            uint8_t separator = text[*at];
            at++;
            if (separator == ',') continue;
            if (separator == '}') break;
            return false;
        }
    }
    if (*at < end) return false;
    document.first_field = uint32_t(field_count);
    document.field_count = int32_t(field - first_field);
    field_count += size_t(field - first_field);
    next = at;
    return true;
}

extern "C" RefoldIndexer *refold_indexer_create(void) {
    return new (std::nothrow) RefoldIndexer;
}

extern "C" void refold_indexer_destroy(RefoldIndexer *indexer) { delete indexer; }

extern "C" ptrdiff_t refold_indexer_index(
    RefoldIndexer *indexer, const uint8_t *json, RefoldDocument *documents, size_t count
) {
    try {
        indexer->field_count = 0;
        size_t unread = 0;
        size_t first = 0;
        while (first < count) {
            if (documents[first].length > run_capacity) {
                documents[first].field_count = REFOLD_UNREAD;
                unread++;
                first++;
                continue;
            }
            size_t behind = first + 1;
            while (behind < count
                   && size_t(documents[behind].offset) + documents[behind].length - documents[first].offset
                       <= run_capacity) {
                behind++;
            }
            unread += indexer->index_run(json, documents + first, behind - first);
            first = behind;
        }
        return ptrdiff_t(unread);
    } catch (const std::bad_alloc &) {
        return -1;
    }
}

extern "C" const RefoldField *refold_indexer_fields(const RefoldIndexer *indexer) { return indexer->fields.data(); }

extern "C" size_t refold_indexer_field_count(const RefoldIndexer *indexer) { return indexer->field_count; }
